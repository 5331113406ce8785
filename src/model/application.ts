import type { ApplicationManifestSpec, ApplicationSpec } from "./application-spec.ts";

/** Where the present revision of an application came from. */
export type ApplicationOrigin = "default" | "file" | "api";

export type ApplicationState = "Enabled" | "Disabled";

/** One application as the registry keeps it (design of revisions: ARCHITECTURE.md). */
export interface ApplicationRecord {
  readonly name: string;
  readonly state: ApplicationState;
  /** Unix milliseconds of the first registration; kept by updates. */
  readonly creationTime: number;
  /** Counts from 1; each change of the manifest is the next one. */
  readonly revision: number;
  /** Unix milliseconds of this revision. */
  readonly revisionTime: number;
  readonly origin: ApplicationOrigin;
  /** Who made this revision, such as `anonymous (127.0.0.1:5000)` or `defaults/flmrun.yaml`. */
  readonly author: string;
  /** The checked manifest before defaults: the document that is stored and shown for editing. */
  readonly manifest: ApplicationManifestSpec;
  /** What seeding last wrote for a default application; absent for all others. */
  readonly lastSeeded?: ApplicationManifestSpec;
  /** The manifest with every default filled in, frozen: what everything behind the door reads. */
  readonly spec: ApplicationSpec;
}
