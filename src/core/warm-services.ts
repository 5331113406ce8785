import type { NodeEntry, WarmApplication } from "../executors/node-book.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { warmPlaces } from "../scheduler/warm-places.ts";
import type { CoreState } from "./state.ts";

/** Tells each node that keeps warm services which ones, where that is not what it was told last. */
export function tellWarm(state: CoreState, turn: FlameTurn): void {
  state.warm.changed = false;
  const known = new Map<string, readonly WarmApplication[]>();
  for (const node of state.nodes.all()) {
    if (node.work === undefined || node.warmPlaces === 0) continue;
    const kind = JSON.stringify([node.warmPlaces, node.record.shim, node.record.allocatable]);
    const applications = known.get(kind) ?? placesOf(state, node);
    known.set(kind, applications);
    if (node.warmTold !== undefined && isSame(node.warmTold, applications)) continue;
    node.warmTold = applications;
    turn.push(node.work, { kind: "warm", applications });
  }
}

function placesOf(state: CoreState, { record, warmPlaces: places }: NodeEntry): WarmApplication[] {
  const { shim, allocatable } = record;
  const supply = { allocatable, places, ...(shim !== undefined && { shim }) };
  const given = warmPlaces(state.warm.demands, supply, state.options.resreq);
  return [...given].flatMap(([name, count]) => {
    const application = state.warm.get(name);
    return application === undefined ? [] : [{ application, count }];
  });
}

function isSame(told: readonly WarmApplication[], now: readonly WarmApplication[]): boolean {
  return (
    told.length === now.length &&
    told.every(({ application, count }, index) => {
      const other = now[index];
      const same = application.name === other?.application.name;
      return same && application.revision === other.application.revision && count === other.count;
    })
  );
}
