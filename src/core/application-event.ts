import type { RegistryEvent } from "../application-registry/index.ts";
import type { StreamToken } from "../kit/turn.ts";
import type { ApplicationRecord } from "../model/application.ts";

/** What a watcher of applications hears: first everything as it is, then each change when it is durable. */
export type ApplicationEvent =
  | { readonly kind: "present"; readonly records: readonly ApplicationRecord[] }
  | RegistryEvent;

/** Watchers of one application, or of all. */
export type ApplicationWatches = Map<StreamToken<ApplicationEvent>, { readonly name?: string }>;
