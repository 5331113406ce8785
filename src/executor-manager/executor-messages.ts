import { FlameError } from "../model/errors.ts";
import type { EveryKeyOf } from "../protocol/application-wire.ts";
import type { Warm } from "../protocol/generated/flame/stream/v1/nodes.ts";
import type { BindExecutorResponse } from "../protocol/generated/flame/v1/backend.ts";
import type { ApplicationContext, SessionContext } from "../protocol/generated/flame/v1/shim.ts";
import type {
  ApplicationSpec,
  Executor,
  ExecutorSpec,
  Session,
} from "../protocol/generated/flame/v1/types.ts";
import { ExecutorState, Shim } from "../protocol/generated/flame/v1/types.ts";
import { DAY_MS, type PackageSource } from "./packages/package-source.ts";
import type { ServiceApplication } from "./service-process.ts";

/** What is installed and started for an application. */
export interface Runnable {
  readonly application: ServiceApplication;
  readonly source: PackageSource;
}

/** A session given to an executor: what is installed, what is started, and what its service is told. */
export interface Binding extends Runnable {
  readonly sessionId: string;
  readonly shim: Shim;
  readonly context: SessionContext;
}

/**
 * Reads what BindExecutor answered; undefined when the executor has to go.
 * @throws FlameError invalid_argument naming what an incomplete answer lacks.
 */
export function readBinding(response: BindExecutorResponse): Binding | undefined {
  const { application, session } = response;
  if (application === undefined || session === undefined) return undefined;
  const { metadata, spec } = application;
  if (metadata === undefined || spec === undefined)
    throw incomplete("application metadata or spec");
  if (session.metadata === undefined || session.spec === undefined)
    throw incomplete("session metadata or spec");
  return {
    sessionId: session.metadata.id,
    shim: spec.shim,
    ...runnableOf(metadata.name, spec, session),
    // As registered: nothing is expanded, and what is absent stays absent.
    context: {
      sessionId: session.metadata.id,
      application: {
        name: metadata.name,
        shim: spec.shim,
        image: spec.image,
        command: spec.command,
        workingDirectory: spec.workingDirectory,
        url: spec.url,
        installer: spec.installer,
      } satisfies EveryKeyOf<ApplicationContext>,
      commonData: session.spec.commonData,
    },
  };
}

/** What a service of the application is installed and started from, for a session if there is one. */
function runnableOf(name: string, spec: ApplicationSpec, session?: Session): Runnable {
  const packages = [...(spec.packages?.entries ?? []), ...(session?.spec?.packages?.entries ?? [])];
  const environments = Object.fromEntries(
    spec.environments.map((variable) => [variable.name, variable.value]),
  );
  return {
    application: {
      name,
      command: spec.command ?? "",
      arguments: spec.arguments,
      environments,
      workingDirectory: spec.workingDirectory ?? "",
    },
    source: {
      application: name,
      url: spec.url,
      installer: spec.installer,
      packages,
      since: packages.length === 0 ? undefined : dayOf(session),
      environments,
      commandLine: [spec.command ?? "", ...spec.arguments],
    },
  };
}

/** Unix milliseconds at which the UTC day of the session's creation began: those of one day share what is made of a list. */
function dayOf(session: Session | undefined): number | undefined {
  if (session?.status === undefined) return undefined;
  return Math.floor(Number(session.status.creationTime) / DAY_MS) * DAY_MS;
}

/** So many services that are to be kept started. */
export interface WarmOrder extends Runnable {
  readonly revision: number;
  readonly count: number;
}

/** What the node is to keep started; what it could not start, or what lacks something, is left out. */
export function readWarm({ applications }: Warm): WarmOrder[] {
  return applications.flatMap(({ name, revision, spec, count }) => {
    if (spec?.shim !== Shim.Host) return [];
    return [{ ...runnableOf(name, spec), revision, count }];
  });
}

function incomplete(what: string): FlameError {
  return new FlameError(
    "invalid_argument",
    `the session manager's answer to BindExecutor lacks ${what}`,
  );
}

/** What a node keeps of an executor that the session manager made. */
export interface ExecutorOrder {
  readonly id: string;
  readonly spec: ExecutorSpec;
  readonly state: ExecutorState;
}

// It becomes the name of a socket, of log files and of a folder.
const FILE_NAME_SAFE = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

const knownStates = Object.values(ExecutorState).filter(
  (state) => state > ExecutorState.ExecutorUnknown,
);

/**
 * Reads an executor pushed on the node stream.
 * @throws FlameError invalid_argument naming what is missing or wrong.
 */
export function readOrder(executor: Executor): ExecutorOrder {
  const { metadata, spec, status } = executor;
  const refuse = (what: string): FlameError =>
    new FlameError("invalid_argument", `the session manager pushed an executor ${what}`);
  if (metadata === undefined || spec?.resreq === undefined || status === undefined) {
    throw refuse("without metadata, spec, resource requirement or status");
  }
  if (!FILE_NAME_SAFE.test(metadata.id)) {
    throw refuse(`whose id cannot be a file name: ${JSON.stringify(metadata.id.slice(0, 200))}`);
  }
  // A number that this version does not know arrives as it is.
  if (!(knownStates as readonly number[]).includes(status.state)) {
    throw refuse(`"${metadata.id}" in no known state (${status.state})`);
  }
  return { id: metadata.id, spec, state: status.state };
}
