import type { ApplicationOrigin, ApplicationState } from "../model/application.ts";
import type { ErrorCode } from "../model/errors.ts";

/** One field that differs between two manifests. Values are plain JSON values; absent: not set there. */
export interface FieldDifference {
  /** Below `spec`: `command`, `environments.PATH`, `schema.input`. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface FieldOrigin {
  readonly path: string;
  readonly origin: ApplicationOrigin;
  /** A caller's name and address, or a file. */
  readonly author: string;
  /** The field is one of the shipped default that was taken away. */
  readonly removed: boolean;
}

/** What is wrong with a file or plugin that speaks for an application, which stays as it was last good. */
export interface SourceFaultInfo {
  readonly source: string;
  readonly reason: string;
  readonly time: Date;
}

export interface RevisionInfo {
  readonly name: string;
  /** Counts from 1. */
  readonly number: number;
  readonly time: Date;
  readonly origin: ApplicationOrigin;
  readonly author: string;
  /** `register`, `update`, `apply`, `seed` or `rollback`. */
  readonly cause: string;
  /** Of a rollback: the revision that came back. */
  readonly restored?: number;
  /** It was made over the head of the application's owner. */
  readonly forced: boolean;
  /** YAML, before defaults. */
  readonly manifest: string;
  /** Against the revision before it; empty when that one is no longer kept, and when the revision is told by itself. */
  readonly changes: readonly FieldDifference[];
}

/** An application as the registry tells it. */
export interface RegistryApplication {
  readonly name: string;
  readonly state: ApplicationState;
  readonly creationTime: Date;
  /** The present one. */
  readonly revision: RevisionInfo;
  /** The file or tool that keeps it. */
  readonly owner?: string;
  readonly fieldOwners: readonly FieldOrigin[];
  /** Where it differs from the shipped default (before). */
  readonly drift: readonly FieldDifference[];
  /** It is one of the shipped applications. */
  readonly shipped: boolean;
  /** Not told by a watch. */
  readonly openSessions?: number;
  readonly faults: readonly SourceFaultInfo[];
}

/** Sources with faults for an application that does not exist; an empty name when they name none. */
export interface AbsentApplication {
  readonly name: string;
  readonly revision?: undefined;
  readonly faults: readonly SourceFaultInfo[];
}

export interface ManifestDocument {
  /** One YAML or JSON document with `metadata` and `spec`. */
  readonly manifest: string;
  /** The revision that the change was made for; 0: the application must not exist. Absent: whatever it is. */
  readonly expectedRevision?: number;
}

export interface ChangeOptions {
  /** The file or tool that keeps the application from now on. Absent: a change by hand. */
  readonly owner?: string;
  /** Change applications that another owner keeps. @default false */
  readonly force?: boolean;
  /** Decide and answer, change nothing. @default false */
  readonly dryRun?: boolean;
}

/** What became of one document. */
export type ApplyResult =
  | {
      readonly name: string;
      readonly action: "created" | "configured" | "unchanged";
      readonly revision: number;
      /** 0: there was none. */
      readonly previousRevision: number;
      readonly changes: readonly FieldDifference[];
    }
  | {
      readonly name: string;
      readonly action: "refused";
      readonly code: ErrorCode;
      readonly message: string;
    };

export type RegistryChange =
  | {
      readonly kind: "present" | "created" | "changed" | "removed";
      readonly application: RegistryApplication | AbsentApplication;
    }
  /** Everything that was there has been told. */
  | { readonly kind: "synced" };
