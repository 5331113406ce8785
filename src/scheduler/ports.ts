import type { Shim } from "../model/executor.ts";
import type { Resources } from "../model/resources.ts";

// All that the scheduler knows of the world, and all that it may say.

/** An open session that wants executors or holds some. */
export interface SessionDemand {
  readonly id: string;
  readonly application: string;
  /** The identity that owns it; absent: that has no quota of executors. */
  readonly owner?: string;
  /** Higher is served first. That of a session whose tasks wait for this one's, where it is higher. */
  readonly priority: number;
  /** How many sessions wait for one another down to this one. */
  readonly depth: number;
  /** Unix milliseconds; older is served first within a priority. */
  readonly creationTime: number;
  readonly resreq: Resources;
  readonly shim: Shim;
  /** Services of another make do not read its common data: it is for nodes of this make alone. */
  readonly needsThisMake: boolean;
  readonly minInstances: number;
  /** Infinity when unlimited; less its executors that are not held: on lost nodes, or on their way out. */
  readonly maxInstances: number;
  /** Pending and Running tasks. */
  readonly openTasks: number;
  /** Executors in Binding or Bound that are not being taken back. */
  readonly held: number;
  /** Of these, those whose task waits for tasks of its own. */
  readonly yielding: number;
  /** How many more it may be given at this moment: 0 while bind failures are backed off. */
  readonly bindAllowance: number;
  /** Its executors that wait for a task while none is Pending, longest waiting first. */
  readonly waiting: readonly string[];
  /** Its Bound executors while tasks are Pending: they work, and will ask for a next task; none that yields. */
  readonly busy: readonly string[];
}

export interface ExecutorSupply {
  readonly id: string;
  readonly node: string;
  readonly resreq: Resources;
  readonly shim: Shim;
  /** Its node is of this make. */
  readonly isOfThisMake: boolean;
  /**
   * - held: serves a session.
   * - idle: can be given to a session now.
   * - arriving: will be idle soon (Void, Unbinding, or being taken back).
   * - leaving: being released.
   */
  readonly use: "held" | "idle" | "arriving" | "leaving";
  /** Its task waits for tasks of its own: it takes a place on its node, and no resources. */
  readonly yields: boolean;
}

/** A Ready node. */
export interface NodeSupply {
  readonly name: string;
  readonly allocatable: Resources;
  /** Absent until one of its executors has registered. */
  readonly shim?: Shim;
  /** Its executor manager is one of ours, and so are the services of the shipped applications. */
  readonly isOfThisMake: boolean;
}

export interface Snapshot {
  readonly sessions: readonly SessionDemand[];
  /** Earlier ones are used first. */
  readonly executors: readonly ExecutorSupply[];
  readonly nodes: readonly NodeSupply[];
  /** Cap over all sessions of an application, less its executors that no session of the snapshot holds. */
  readonly applicationMax: (application: string) => number;
  /** How many of these executors are on their way out of their sessions: places that come free soon. */
  readonly applicationLeaving: (application: string) => number;
  /** The same for the quota of an owner. */
  readonly ownerMax: (owner: string) => number;
  readonly ownerLeaving: (owner: string) => number;
  readonly executorsPerNodeMax: number;
}

/**
 * - create: a new executor on the node, for the session.
 * - bind: the idle executor serves the session.
 * - release: the idle executor is not needed.
 * - reclaim: the held, waiting executor is taken from its session, since another one lacks capacity.
 */
export type Decision =
  | { readonly kind: "create"; readonly node: string; readonly sessionId: string }
  | { readonly kind: "bind"; readonly executorId: string; readonly sessionId: string }
  | { readonly kind: "release"; readonly executorId: string }
  | { readonly kind: "reclaim"; readonly executorId: string };

/** The session is to give one of its executors on the node back, whichever asks first for its next task. */
export interface Recall {
  readonly sessionId: string;
  readonly node: string;
}

/** What one look at the world comes to. */
export interface Schedule {
  readonly decisions: readonly Decision[];
  /** They hold until the next look. */
  readonly recalls: readonly Recall[];
  /** Sessions that have to wait for room that is not there yet, or until others of their application or owner need less. */
  readonly unserved: ReadonlySet<string>;
  /** Those of them for which no room could be made either: asking for more changes nothing. */
  readonly short: ReadonlySet<string>;
}
