import type { CallToken, StreamToken } from "../kit/turn.ts";
import type { SessionRecord, SessionView, TaskCounts } from "../model/session.ts";
import type { LaunchReply, TaskRecord, TaskReply, TaskState } from "../model/task.ts";
import { PendingQueue } from "./pending-queue.ts";

/** A stream that wants to hear when a task's state is no longer `lastState`. */
export interface TaskWatcher {
  readonly token: StreamToken<TaskReply>;
  lastState: TaskState;
}

/** How binding executors to the session went of late; not stored: a restart tries afresh. */
export interface BindBackoff {
  /** Failures since the last success. */
  failures: number;
  /** Steady milliseconds before which no executor is given to the session. */
  notBefore: number;
}

/** Pending and Running tasks of all sessions of a book together. */
export interface OpenTally {
  tasks: number;
}

/** One session in memory: its record, its open tasks and who waits for them. */
export class SessionEntry {
  record: SessionRecord;
  readonly counts: TaskCounts;
  /** Pending and Running tasks; terminal ones live in the store alone. */
  readonly tasks = new Map<number, TaskRecord>();
  readonly pending = new PendingQueue();
  lastTaskId: number;
  /** Executors in Binding, Bound or Unbinding for this session. */
  readonly executors = new Set<string>();
  /** LaunchTask calls that wait for a task, by executor, first come first. */
  readonly launchWaiters = new Map<string, CallToken<LaunchReply>>();
  readonly watchers = new Map<number, TaskWatcher[]>();
  readonly bind: BindBackoff = { failures: 0, notBefore: 0 };
  /** It has tasks and no executor, and it is counted how long. */
  counted = false;
  /** Steady milliseconds of the last change of one of its tasks; kept up while it ends with its clients. */
  activeAt = 0;
  readonly tally: OpenTally;

  constructor(record: SessionRecord, counts: TaskCounts, lastTaskId: number, tally: OpenTally) {
    this.record = record;
    this.counts = counts;
    this.lastTaskId = lastTaskId;
    this.tally = tally;
  }

  view(): SessionView {
    return { record: this.record, counts: { ...this.counts } };
  }
}
