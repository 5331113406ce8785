import type { RegistryEvent } from "../application-registry/index.ts";
import type { StreamToken } from "../kit/turn.ts";
import type { ApplicationRecord } from "../model/application.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { CoreState } from "./state.ts";

/** What a watcher of applications hears: first everything as it is, then each change when it is durable. */
export type ApplicationEvent =
  | { readonly kind: "present"; readonly records: readonly ApplicationRecord[] }
  | RegistryEvent;

/** Watchers of one application, or of all. */
export type ApplicationWatches = Map<StreamToken<ApplicationEvent>, { readonly name?: string }>;

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
