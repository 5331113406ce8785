import type { Logger } from "../kit/logger.ts";
import { makeCgroup } from "../process/cgroup.ts";
import { PidNamespaces } from "../process/pid-namespace.ts";

/** How what left the process group of its service ends with it; without either it is found by its environment. */
export interface Containment {
  /** Whether a service gets a control group where one can be made. */
  readonly controlGroups: boolean;
  /** Where no control group can be made. */
  readonly namespaces?: PidNamespaces;
}

/** The best that this machine allows, said in the log. @param wanted whether control groups may be used */
export async function chooseContainment(wanted: boolean, logger: Logger): Promise<Containment> {
  const cgroup = wanted ? makeCgroup(`probe-${process.pid}`) : undefined;
  await cgroup?.end();
  const namespaces = cgroup === undefined ? await PidNamespaces.find() : undefined;
  const by =
    cgroup !== undefined
      ? "its control group"
      : namespaces !== undefined
        ? "its namespace of process ids"
        : "its process group, and where it left that, its environment";
  logger.info({}, `what a service starts is ended by ${by}`);
  return { controlGroups: cgroup !== undefined, ...(namespaces !== undefined && { namespaces }) };
}
