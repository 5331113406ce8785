import type { ApplicationBook } from "../application-registry/index.ts";
import { ExecutorBook, type ExecutorEntry } from "../executors/executor-book.ts";
import { NodeBook } from "../executors/node-book.ts";
import { DeadlineQueue } from "../kit/deadline-queue.ts";
import { Flag } from "../kit/flag.ts";
import type { ApplicationRecord } from "../model/application.ts";
import type { ApplicationSpec } from "../model/application-spec.ts";
import type { Quota } from "../model/quota.ts";
import type { Resources } from "../model/resources.ts";
import type { PolicyName } from "../model/scheduling-policy.ts";
import type { SessionRecord } from "../model/session.ts";
import type { Recall, Schedule } from "../scheduler/ports.ts";
import { OwnerBook } from "../sessions/owner-book.ts";
import { SessionBook } from "../sessions/session-book.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { ApplicationWatches } from "./application-event.ts";
import { ClientBook } from "./client-book.ts";
import { WarmApplications } from "./warm-applications.ts";

/** What the machine is told once; all times in milliseconds. */
export interface CoreOptions {
  /** For sessions that do not say what they need. */
  readonly resreq: Resources;
  /** Who gets the next executor; `priority` is asked first, however they are listed. */
  readonly policies: readonly PolicyName[];
  /** Failed binds in a row after which a session is only probed now and then; 0: sessions get no executors at all. */
  readonly bindRetryLimit: number;
  readonly executorsPerNodeMax: number;
  /** Sessions kept, open and closed; Infinity when unlimited. */
  readonly sessionsMax: number;
  /** Open sessions of the cluster. */
  readonly openSessionsMax: number;
  /** Pending and Running tasks of the cluster; one session gets at most as many as are still free. */
  readonly openTasksMax: number;
  /** What identities may have open. */
  readonly quotas: readonly Quota[];
  /** Registered applications. */
  readonly applicationsMax: number;
  /** How long a closed session is kept, in milliseconds; Infinity: for good. */
  readonly closedSessionRetentionMs: number;
  /** Silence of its client after which a session that ends with it is closed, in milliseconds; Infinity: never. */
  readonly absentClientMs: number;
  /** How long such a session may be without a task, in milliseconds; Infinity: for good. */
  readonly idleSessionMs: number;
  /** Silence after which a node counts as lost. */
  readonly nodeSilenceMs: number;
  /** How long a lost node keeps its leases. */
  readonly nodeGraceMs: number;
  /** Nodes of another make run another program for such an application. */
  readonly isReplacedElsewhere: (spec: ApplicationSpec) => boolean;
  /** A new executor id: random in production, counted in the simulation. */
  readonly newExecutorId: () => string;
  /** Which reading of the store this is: higher at each start, and each time that the state is read anew. */
  readonly term: number;
}

export const nodeSilenceMsDefault = 15_000;
export const nodeGraceMsDefault = 30_000;

/** How long a LaunchTask call may wait, a silent node may be silent, and so on; whose it is, an id says. */
export type DeadlineKind =
  | "launch"
  | "silence"
  | "grace"
  | "bind"
  | "wait"
  | "timeout"
  | "retention"
  | "unused"
  | "removal"
  | "write";

/** All that the machine knows. */
export class CoreState {
  readonly applications: ApplicationBook;
  /** Revisions that sessions are pinned to and that are no longer the present ones, by `name@revision`. */
  readonly pinned = new Map<string, ApplicationRecord>();
  readonly applicationWatches: ApplicationWatches = new Map();
  readonly warm: WarmApplications;
  /**
   * Something changed that the scheduler should look at. The books raise it for whatever they change; the core does where a
   * change of a task matters in some states only, since most tasks come and go without a word to the scheduler.
   */
  readonly scheduleWanted = new Flag(true);
  readonly sessions: SessionBook;
  readonly clients = new ClientBook();
  readonly executors = new ExecutorBook(this.scheduleWanted);
  readonly nodes = new NodeBook(this.scheduleWanted);
  /** Executors whose task waits for tasks of its own, and some whose task did. */
  readonly awaiting = new Set<ExecutorEntry>();
  /** Sessions with Running tasks whose leases are not on disk yet. */
  readonly unwritten = new Set<SessionEntry>();
  /** A deadline stands for them. */
  writeAwaited = false;
  readonly deadlines = new DeadlineQueue<DeadlineKind, string>();
  readonly options: CoreOptions;
  /** Leases that were named in this term. */
  leases = 0;
  /** What the scheduler saw when it looked last. */
  schedule: Schedule = { decisions: [], recalls: [], unserved: new Set(), short: new Set() };
  /** Those of its recalls that no executor has answered to yet. */
  recalls: Recall[] = [];

  constructor(options: CoreOptions, applications: ApplicationBook) {
    this.options = options;
    this.sessions = new SessionBook(this.scheduleWanted, new OwnerBook(options.quotas));
    this.applications = applications;
    this.warm = new WarmApplications(applications.list());
  }

  /** The revision of its application that the session was created with. */
  applicationOf(session: SessionRecord): ApplicationRecord | undefined {
    const present = this.applications.find(session.application);
    if (present?.revision === session.applicationRevision) return present;
    return this.pinned.get(`${session.application}@${session.applicationRevision}`);
  }

  /** The session that an executor serves, if it still exists. */
  sessionOf(executor: {
    readonly record: { readonly sessionId?: string };
  }): SessionEntry | undefined {
    const { sessionId } = executor.record;
    return sessionId === undefined ? undefined : this.sessions.find(sessionId);
  }
}
