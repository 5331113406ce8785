import type { ApplicationOrigin, ApplicationRecord, RevisionCause } from "../model/application.ts";
import type { ApplicationManifestSpec, ApplicationSpec } from "../model/application-spec.ts";
import type { FlameError } from "../model/errors.ts";
import type { FieldChange } from "./fields.ts";

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

/** What stands against a change that was meant for another state, or for another's application. */
export interface ChangeGuard {
  /** The revision that the change was made for; 0: the application must not exist. Absent: whatever it is. */
  readonly expectedRevision?: number;
  /** Who keeps the application: the file or tool that speaks. Absent: somebody who keeps nothing. */
  readonly owner?: string;
  /** Change it although another keeps it. Default false. */
  readonly force?: boolean;
}

/** One application of an apply: created when it is absent, else its whole manifest is replaced. */
export interface ApplyApplication extends RegisterApplication, ChangeGuard {
  /** Default `{ kind: "apply" }`. */
  readonly cause?: RevisionCause;
  /** Who kept the application until now and lets go of it for this owner, such as the file that it moved away from. */
  readonly takesOver?: string;
  /** The owner's last word: nobody keeps the application afterwards. Default false. */
  readonly release?: boolean;
}

export interface ApplyOptions {
  /** Decide and tell, change nothing. Default false. */
  readonly dryRun?: boolean;
  /** Refuse only what cannot be done; otherwise one refusal refuses all. Default false. */
  readonly continueOnError?: boolean;
}

/** `configured`: it is a new revision, or enabled again. `unchanged`: it was like that. */
export type ApplyAction = "created" | "configured" | "unchanged";

export type ApplyOutcome =
  | {
      readonly name: string;
      readonly action: ApplyAction;
      /** As it is after the apply, or would be after a dry run. */
      readonly record: ApplicationRecord;
      /** As it was; absent when it was created. */
      readonly before?: ApplicationRecord;
      readonly changes: readonly FieldChange[];
    }
  | { readonly name: string; readonly action: "refused"; readonly error: FlameError };

export interface RemoveApplication extends ChangeGuard {
  readonly name: string;
  /** Who asks: a caller's name and address, or the file or plugin that says so. */
  readonly author: string;
  /** With open sessions: take no new ones, and go when the last closes. Default false: refuse. */
  readonly whenUnused?: boolean;
}

/** `removed`: gone. `disabled`: it goes when its last open session is closed. */
export type RemoveOutcome = "removed" | "disabled";

/** A default application as it is shipped; `author` is its file, such as `defaults/flmrun.yaml`. */
export interface SeedApplication extends CheckedApplication {
  /** The revision that it was compared with; 0: it was absent. Absent: whatever it is. */
  readonly expectedRevision?: number;
  /** Where the plan is a merge: its result, checked. */
  readonly merge?: Pick<CheckedApplication, "manifest" | "spec">;
}

/**
 * What seeding did with a default application. `created`: it was absent. `unchanged`: it is as shipped. `followed`: it
 * was edited nowhere where it is not as shipped now. `merged`: it keeps what was changed here and follows in the rest.
 * `kept-edited`: it stays as it was changed here. `refused`: what it would have become is no valid manifest, or a plugin
 * refuses it; it stays as it was.
 */
export type SeedAction =
  | "created"
  | "unchanged"
  | "followed"
  | "merged"
  | "kept-edited"
  | "refused";

export interface SeedOutcome {
  readonly name: string;
  readonly action: SeedAction;
  /** Fields that are now as shipped. */
  readonly followed?: readonly string[];
  /** Fields that stay as they were changed here. */
  readonly kept?: readonly string[];
}
