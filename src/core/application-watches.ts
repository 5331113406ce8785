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

/** Tells watchers of a change, and whoever keeps services of applications started. */
export function tellWatchers(state: CoreState, turn: FlameTurn, event: RegistryEvent): void {
  state.warm.follow(event);
  for (const [token, { name }] of state.applicationWatches) {
    if (name === undefined || name === event.record.name) turn.push(token, event);
  }
}
