import type { ApplicationState } from "../model/application.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import type { ExecutorState as LiveExecutorState } from "../model/executor.ts";
import type { NodeState } from "../model/node.ts";
import type { Resources } from "../model/resources.ts";
import type { SessionState } from "../model/session.ts";
import type { TaskState } from "../model/task.ts";

/** Where an executor stands, as the wire can say it; the model explains the states in between. */
export type ExecutorState = "Unknown" | LiveExecutorState | "Released";

/** An event of a session or a task; the codes are `eventCodes` of the model. */
export interface EventInfo {
  readonly code: number;
  readonly message: string;
  readonly time: Date;
}

export interface Application {
  readonly name: string;
  readonly state: ApplicationState;
  readonly creationTime: Date;
  /** What the server holds: defaults filled in, absent fields absent. */
  readonly spec: ApplicationManifestSpec;
}

/** What CreateSession and OpenSession take. */
export interface SessionSpec {
  readonly application: string;
  /** Shared with every task of the session. */
  readonly commonData?: Uint8Array;
  /** @default 0 */
  readonly minInstances?: number;
  /** At least 1 and {@link minInstances}. Absent: as many as there are tasks for. */
  readonly maxInstances?: number;
  /** Higher goes first. @default 0 */
  readonly priority?: number;
  /** Absent: the cluster's default. */
  readonly resreq?: Resources;
  /** What its Python services import beside what is there: requirements such as `numpy>=2`, and urls. @default none */
  readonly packages?: readonly string[];
}

/** A session as the server tells it. */
export interface SessionInfo {
  readonly id: string;
  readonly application: string;
  readonly state: SessionState;
  readonly commonData?: Buffer;
  readonly minInstances: number;
  readonly maxInstances?: number;
  readonly priority: number;
  readonly resreq?: Resources;
  readonly packages?: readonly string[];
  readonly creationTime: Date;
  readonly completionTime?: Date;
  /** How many tasks the session has in each state. */
  readonly pending: number;
  readonly running: number;
  readonly succeed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** How many of those that have ended the session no longer keeps (`cluster.limits.finished_tasks_kept`). */
  readonly forgotten: number;
  readonly events: readonly EventInfo[];
}

export interface Task {
  /** Decimal text, counted from 1 within the session. */
  readonly id: string;
  readonly sessionId: string;
  readonly state: TaskState;
  readonly input?: Buffer;
  readonly output?: Buffer;
  readonly creationTime: Date;
  readonly completionTime?: Date;
  /** When it is ended if it has not ended before; absent: it has no deadline, or came by a stream of results. */
  readonly deadline?: Date;
  readonly events: readonly EventInfo[];
}

export interface Executor {
  readonly id: string;
  readonly node: string;
  readonly state: ExecutorState;
  readonly resreq?: Resources;
  /** Present once the executor serves a session. */
  readonly sessionId?: string;
}

export interface Node {
  readonly name: string;
  readonly hostname: string;
  readonly state: NodeState;
  readonly capacity: Resources;
  readonly allocatable: Resources;
  readonly arch: string;
  readonly os: string;
  /** What an operator should know of it, such as that a second node asks for its name. */
  readonly warning?: string;
}

/** What services wrote, or something that a reader of it should know. */
export type LogEntry =
  | {
      readonly kind: "output";
      readonly executorId: string;
      readonly stream: "out" | "err";
      /** The task that ran meanwhile; absent between tasks. */
      readonly taskId?: string;
      /** Whole lines, but for lines that are very long or unfinished. */
      readonly data: Buffer;
    }
  | { readonly kind: "notice"; readonly text: string };

/** A cluster as its operator sees it. */
export interface ClusterInfo {
  readonly name: string;
  /** Of the session manager. */
  readonly version: string;
  /** When the session manager began to serve. */
  readonly startTime: Date;
  readonly storage: {
    readonly kind: string;
    /** On the session manager's host; absent when nothing is kept on disk. */
    readonly file?: string;
    readonly bytes: number;
    /** Why nothing is taken that grows; absent while it is. */
    readonly full?: string;
    /** What its file system still holds, in bytes. */
    readonly freeBytes?: number;
  };
  /** How many applications, executors, nodes, sessions and tasks there are, by state. */
  readonly counts: readonly {
    readonly what: string;
    readonly state: string;
    readonly count: number;
  }[];
  /** What waits inside the session manager. */
  readonly queues: readonly { readonly name: string; readonly size: number }[];
  readonly nodes: readonly {
    readonly name: string;
    readonly state: string;
    /** Of its executor manager, when that tells it. */
    readonly version?: string;
  }[];
}

/** Which lines of the audit log are wanted. */
export interface AuditOptions {
  /** Written then or later. */
  readonly since?: Date;
  /** Of the caller of this name. */
  readonly who?: string;
  /** Of methods with this in their name; capitals do not count. */
  readonly method?: string;
  /** About what has this name or id. */
  readonly what?: string;
  /** Go on with lines as they are written, until the loop is left. */
  readonly follow?: boolean;
}
