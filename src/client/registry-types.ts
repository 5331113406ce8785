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

/** The end of an application, which took its revisions along. */
export interface RemovalInfo {
  readonly time: Date;
  /** Who unregistered it: a caller's name and address, a file or a plugin. */
  readonly author: string;
  /** The revision that it was at. */
  readonly revision: number;
}

/** What is known of an application, and of those that had its name before. */
export interface ApplicationHistory {
  /** Those that are kept, the latest first; none when the application is not there. */
  readonly revisions: readonly RevisionInfo[];
  /** The latest 20 ends of applications of this name, the latest first; none from a session manager that keeps them not. */
  readonly removals: readonly RemovalInfo[];
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

/**
 * The application registry beyond the published calls (docs/protocol.md, "The registry"). Every call throws FlameError;
 * `unimplemented` when the session manager is of another make.
 */
export interface Registry {
  /**
   * Creates or replaces applications: all of them in one commit, or none.
   * @param options.continueOnError refuse only the documents that have to be @default false
   * @throws FlameError invalid_argument with every fault, aborted when one is not at its expected revision
   */
  apply(
    documents: readonly ManifestDocument[],
    options?: ChangeOptions & { readonly continueOnError?: boolean },
  ): Promise<ApplyResult[]>;
  /** @throws FlameError not_found */
  get(name: string): Promise<RegistryApplication>;
  /**
   * All applications by name, and those that are there only as sources with faults.
   * @param options.brief without manifests (empty texts) and field owners, for tables of many @default false
   */
  list(options?: {
    readonly brief?: boolean;
  }): Promise<(RegistryApplication | AbsentApplication)[]>;
  /** The application as a session runs it. @throws FlameError not_found */
  ofSession(sessionId: string): Promise<RevisionInfo>;
  /** The revisions that are kept, the latest first. @throws FlameError not_found */
  revisions(name: string): Promise<RevisionInfo[]>;
  /** The same with who unregistered earlier applications of the name. @throws FlameError not_found when it never was */
  history(name: string): Promise<ApplicationHistory>;
  /**
   * Makes the manifest of an earlier revision the present one, as a new revision.
   * @param options.to @default the revision before the present
   * @throws FlameError not_found, aborted, invalid_argument when today's checks refuse it
   */
  rollback(
    name: string,
    options?: ChangeOptions & { readonly to?: number; readonly expectedRevision?: number },
  ): Promise<ApplyResult>;
  /**
   * Takes an application away with its closed sessions.
   * @param options.whenUnused with open sessions: take no new ones, and go when the last closes @default false
   * @returns false when it goes later
   * @throws FlameError not_found, aborted, invalid_argument while sessions are open or another keeps it
   */
  remove(
    name: string,
    options?: Omit<ChangeOptions, "dryRun"> & {
      readonly expectedRevision?: number;
      readonly whenUnused?: boolean;
    },
  ): Promise<boolean>;
  /**
   * Everything as it is, then `synced`, then each change; leaving the loop ends it.
   * @param name @default all applications
   * @param signal ends it from outside the loop, which then throws unavailable
   */
  watch(name?: string, signal?: AbortSignal): AsyncGenerator<RegistryChange, void, void>;
}
