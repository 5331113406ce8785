import type { Flag } from "../kit/flag.ts";
import type { CallToken, Token } from "../kit/turn.ts";
import type { ApplicationRecord } from "../model/application.ts";
import { FlameError } from "../model/errors.ts";
import {
  type ExecutorRecord,
  type ExecutorState,
  executorTransitions,
  type Shim,
} from "../model/executor.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionView } from "../model/session.ts";

/** What an executor that waits for a session is answered: without one it is to release itself. */
export interface BindReply {
  readonly bound?: { readonly application: ApplicationRecord; readonly session: SessionView };
}

/** One handing-out of a task to an executor. */
export interface Lease {
  /** Never used for another one. */
  readonly id: string;
  readonly taskId: number;
  /** Its node was asked to give it back if it has not begun. */
  wantedBack?: true;
  /** Its task waits for tasks of these sessions and does nothing meanwhile; absent while it does not. */
  awaits?: ReadonlySet<string>;
}

/** One executor in memory. */
export class ExecutorEntry {
  record: ExecutorRecord;
  /** The lease of the task that has begun; only while it has a session. */
  running: Lease | undefined;
  /** Leases that wait there, first come first: their tasks are Pending. Only on a work stream there are any. */
  ahead: Lease[] = [];
  /** How many leases it takes at most, as it said on the work stream; 0: it asks with LaunchTask, or takes nothing. */
  credit = 0;
  /** How many leases it held when it was sorted last among those of its session that take more; 0: it was not. */
  sortedBy = 0;
  /** The work stream on which it has said what it holds, for the session that it has. */
  introduced: Token | undefined;
  /** Its BindExecutor call that waits for a session. */
  bindWaiter: CallToken<BindReply> | undefined;
  /** Its session went to its node on a work stream, or may have before a restart, and was not said to be entered since. */
  given = false;
  /** A lease that was taken from it, as its task has ended from outside, and whose task runs there all the same. */
  stray: string | undefined;
  /** Its session is to give it up: the next LaunchTask is answered empty. */
  reclaimed = false;

  constructor(record: ExecutorRecord) {
    this.record = record;
  }

  /** The task that has begun. */
  get taskId(): number | undefined {
    return this.running?.taskId;
  }

  /** How many leases it holds. */
  get held(): number {
    return (this.running === undefined ? 0 : 1) + this.ahead.length;
  }
}

/** All executors, and the one way to change them: what the scheduler would see raises its flag. */
export class ExecutorBook {
  readonly #entries = new Map<string, ExecutorEntry>();
  readonly #byNode = new Map<string, Set<ExecutorEntry>>();
  readonly #scheduleWanted: Flag;

  constructor(scheduleWanted: Flag) {
    this.#scheduleWanted = scheduleWanted;
  }

  /** Takes a stored executor in. */
  restore(record: ExecutorRecord): ExecutorEntry {
    const entry = new ExecutorEntry(record);
    entry.given = record.state === "Binding";
    this.#entries.set(record.id, entry);
    const peers = this.#byNode.get(record.node) ?? new Set();
    this.#byNode.set(record.node, peers.add(entry));
    return entry;
  }

  create(turn: FlameTurn, record: ExecutorRecord): ExecutorEntry {
    this.#scheduleWanted.raise();
    turn.change({ kind: "executor.put", record });
    return this.restore(record);
  }

  find(id: string): ExecutorEntry | undefined {
    return this.#entries.get(id);
  }

  all(): IterableIterator<ExecutorEntry> {
    return this.#entries.values();
  }

  ofNode(node: string): ReadonlySet<ExecutorEntry> {
    return this.#byNode.get(node) ?? new Set();
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * The one transition. The executor serves `sessionId` afterwards, or none when it is not given.
   * @throws FlameError invalid_state when the table of states does not allow it.
   */
  transition(turn: FlameTurn, entry: ExecutorEntry, to: ExecutorState, sessionId?: string): void {
    const from = entry.record.state;
    if (!executorTransitions[from].includes(to)) throw wrongState(entry, `become ${to}`);
    const { sessionId: _previous, ...rest } = entry.record;
    entry.introduced = undefined;
    entry.given = false;
    entry.stray = undefined;
    this.#replace(turn, entry, {
      ...rest,
      state: to,
      ...(sessionId !== undefined && { sessionId }),
    });
  }

  /** Its session is gone: whatever state it is in, it serves none. */
  detach(turn: FlameTurn, entry: ExecutorEntry): void {
    const { sessionId: _gone, ...rest } = entry.record;
    this.endRunning(entry);
    entry.ahead = [];
    entry.credit = 0;
    this.#replace(turn, entry, rest);
  }

  setShim(turn: FlameTurn, entry: ExecutorEntry, shim: Shim): void {
    if (entry.record.shim !== shim) this.#replace(turn, entry, { ...entry.record, shim });
  }

  delete(turn: FlameTurn, entry: ExecutorEntry): void {
    this.#entries.delete(entry.record.id);
    this.#byNode.get(entry.record.node)?.delete(entry);
    turn.change({ kind: "executor.delete", id: entry.record.id });
    this.#scheduleWanted.raise();
  }

  /** Its session is to give it up. */
  reclaim(entry: ExecutorEntry): void {
    entry.reclaimed = true;
    this.#scheduleWanted.raise();
  }

  /** It has left its session, and nobody wants it back. */
  leftSession(entry: ExecutorEntry): void {
    entry.reclaimed = false;
    this.#scheduleWanted.raise();
  }

  /** Its task waits for tasks of these sessions, and its room is for others meanwhile; of none: it goes on. */
  setAwaits(running: Lease, sessionIds: readonly string[]): void {
    if (sessionIds.length === 0) delete running.awaits;
    else running.awaits = new Set(sessionIds);
    this.#scheduleWanted.raise();
  }

  /** What it ran has ended, or was taken from it. */
  endRunning(entry: ExecutorEntry): void {
    // Most tasks end without a word to the scheduler; of those that others wait behind it had been told.
    if (entry.running?.awaits !== undefined) this.#scheduleWanted.raise();
    entry.running = undefined;
  }

  #replace(turn: FlameTurn, entry: ExecutorEntry, record: ExecutorRecord): void {
    entry.record = record;
    turn.change({ kind: "executor.put", record });
    this.#scheduleWanted.raise();
  }
}

/** The answer to a call that the executor's state does not allow. */
export function wrongState(entry: ExecutorEntry, wanted: string): FlameError {
  return new FlameError(
    "invalid_state",
    `executor ${entry.record.id} is ${entry.record.state}: it cannot ${wanted}`,
  );
}
