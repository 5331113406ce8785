import type { ApplicationManifestSpec, ApplicationSpec } from "./application-spec.ts";

/** Where a revision, or the value of one field, came from. */
export type ApplicationOrigin = "default" | "file" | "api";

/** Disabled: takes no new sessions, and goes when its last open one is closed. */
export type ApplicationState = "Enabled" | "Disabled";

/** Who gave a field of the manifest its present value, or took it away. */
export interface FieldOwner {
  readonly origin: ApplicationOrigin;
  /** A caller's name and address, or the file that says so. */
  readonly author: string;
}

/**
 * Owners by the path of a field below `spec`: `command`, `environments.PATH`, `schema.input`. Lists are one field. A
 * field that the shipped default has and somebody removed is there too.
 */
export type FieldOwners = Readonly<Record<string, FieldOwner>>;

/** Why a revision was made. */
export interface RevisionCause {
  readonly kind: "register" | "update" | "apply" | "seed" | "rollback" | "release";
  /** Of a rollback: the revision whose manifest came back. */
  readonly restored?: number;
  /** Present: it was made over the head of the application's owner. */
  readonly forced?: true;
}

/** One state of an application's manifest. */
export interface ApplicationRevision {
  readonly name: string;
  /** Counts from 1; each change of the manifest is the next one. */
  readonly revision: number;
  /** Unix milliseconds of this revision. */
  readonly revisionTime: number;
  readonly origin: ApplicationOrigin;
  /** Who made this revision, such as `anonymous (127.0.0.1:5000)` or `defaults/flmrun.yaml`. */
  readonly author: string;
  readonly cause: RevisionCause;
  /** The checked manifest before defaults: the document that is stored and shown for editing. */
  readonly manifest: ApplicationManifestSpec;
}

/** The end of an application, which took its revisions along. Another one may have its name since. */
export interface ApplicationRemoval {
  /** Unix milliseconds. */
  readonly time: number;
  /** Who unregistered it, in the words of {@link ApplicationRevision.author}. */
  readonly author: string;
  /** The revision that it was at. */
  readonly revision: number;
}

/** One application as the registry keeps it, at its present revision (design of revisions: ARCHITECTURE.md). */
export interface ApplicationRecord extends ApplicationRevision {
  readonly state: ApplicationState;
  /** Unix milliseconds of the first registration; kept by updates. */
  readonly creationTime: number;
  /** The file or tool that keeps this application: others change it by force only. Absent: nobody does. */
  readonly owner?: string;
  /** The owner that made it; absent for defaults and for what was registered by hand. */
  readonly createdBy?: string;
  /** Of a disabled one: who asked that it goes with its last open session. */
  readonly removedBy?: string;
  readonly fieldOwners: FieldOwners;
  /** What seeding last wrote for a default application; absent for all others. */
  readonly lastSeeded?: ApplicationManifestSpec;
  /** The manifest with every default filled in, frozen: what everything behind the door reads. */
  readonly spec: ApplicationSpec;
}
