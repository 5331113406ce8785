import type { Shim } from "../model/executor.ts";
import { fits, type Resources } from "../model/resources.ts";

/** An application that asks for service processes that are started before there is a session. */
export interface WarmDemand {
  readonly name: string;
  readonly shim: Shim;
  /** On each node. */
  readonly count: number;
}

/** What is known of a node that keeps such processes. */
export interface WarmSupply {
  readonly allocatable: Resources;
  /** Absent until one of its executors has registered. */
  readonly shim?: Shim;
  /** How many it keeps at most. */
  readonly places: number;
}

/**
 * How many processes of each application a node keeps: one of each in the order in which they come, then a second one of
 * those that ask for more, and so on while there are places.
 * @param need of an instance of a session that does not say what it needs
 */
export function warmPlaces(
  demands: readonly WarmDemand[],
  node: WarmSupply,
  need: Resources,
): ReadonlyMap<string, number> {
  const given = new Map<string, number>();
  if (!fits(need, node.allocatable)) return given;
  let asking = demands.filter(({ shim, count }) => shim === (node.shim ?? "Host") && count > 0);
  let left = node.places;
  for (let round = 1; left > 0 && asking.length > 0; round++) {
    const served = asking.slice(0, left);
    for (const { name } of served) given.set(name, round);
    left -= served.length;
    asking = asking.filter(({ count }) => count > round);
  }
  return given;
}
