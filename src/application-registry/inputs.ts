import type { ApplicationOrigin } from "../model/application.ts";
import type { ApplicationManifestSpec, ApplicationSpec } from "../model/application-spec.ts";

/** A checked manifest on its way into the registry (see `manifest/manifest.ts`); the registry never parses. */
interface CheckedApplication {
  readonly name: string;
  readonly manifest: ApplicationManifestSpec;
  readonly spec: ApplicationSpec;
  /** Who asks: a caller's name and address, or the file that says so. */
  readonly author: string;
}

export interface RegisterApplication extends CheckedApplication {
  readonly origin: ApplicationOrigin;
}

/** The whole manifest again: what it leaves out goes back to its default. */
export type UpdateApplication = RegisterApplication;

/** A default application as it is shipped; `author` is its file, such as `defaults/flmrun.yaml`. */
export type SeedApplication = CheckedApplication;

/**
 * What seeding did with a default application. `created`: it was absent. `unchanged`: it is as shipped.
 * `followed`: it was as last shipped and is now as shipped. `kept-edited`: somebody changed it, and so it stays.
 */
export type SeedAction = "created" | "unchanged" | "followed" | "kept-edited";

export interface SeedOutcome {
  readonly name: string;
  readonly action: SeedAction;
}
