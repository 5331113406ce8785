import type { RegistryEvent } from "../application-registry/index.ts";
import type { StreamToken } from "../kit/turn.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { ApplicationEvent } from "./application-event.ts";
import type { CoreState } from "./state.ts";

export function watchApplications(
  state: CoreState,
  turn: FlameTurn,
  watch: { readonly name?: string },
  token: StreamToken<ApplicationEvent>,
): void {
  const { name } = watch;
  const one = name === undefined ? undefined : state.applications.find(name);
  const records = name === undefined ? state.applications.list() : one === undefined ? [] : [one];
  state.applicationWatches.set(token, watch);
  turn.push(token, { kind: "present", records });
}

/** Tells watchers of a change, whoever keeps services of applications started, and the scheduler. */
export function tellWatchers(state: CoreState, turn: FlameTurn, event: RegistryEvent): void {
  state.warm.follow(event);
  // Its open sessions stay with their revision, but how many instances it may have is what the current one says.
  if (state.sessions.openSessionsOf(event.record.name) > 0) state.scheduleWanted.raise();
  for (const [token, { name }] of state.applicationWatches) {
    if (name === undefined || name === event.record.name) turn.push(token, event);
  }
}
