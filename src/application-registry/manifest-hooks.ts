import type { ApplicationManifestSpec, ApplicationSpec } from "../model/application-spec.ts";
import type { ManifestSource } from "./manifest-source.ts";

/** A manifest in canonical form, to be changed in place: its values have the right types, all else is not checked yet. */
export interface DraftManifest {
  metadata: { name: string };
  spec: Draft<ApplicationManifestSpec>;
}

type Draft<T> = T extends readonly (infer E)[]
  ? Draft<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Draft<T[K]> }
    : T;

/** A manifest that passed every check, frozen. */
export interface HookedApplication {
  readonly name: string;
  readonly manifest: ApplicationManifestSpec;
  readonly spec: ApplicationSpec;
}

export interface HookContext {
  /** Aborted when the hook's time is over. */
  readonly signal: AbortSignal;
}

/** What one plugin has to say about each manifest before it becomes an application. */
export interface ManifestHooks {
  readonly plugin: string;
  /** Changes the draft in place, or gives another one. */
  readonly mutate?: (draft: DraftManifest, source: ManifestSource, context: HookContext) => unknown;
  /** Gives a list of `{ path, got, expected, hint? }`; nothing or an empty one: it is fine. */
  readonly validate?: (
    application: HookedApplication,
    source: ManifestSource,
    context: HookContext,
  ) => unknown;
}
