import type { ApplicationRecord, ApplicationRemoval } from "./application.ts";
import type { ExecutorRecord } from "./executor.ts";
import type { NodeRecord } from "./node.ts";
import type { SessionRecord, TaskCounts } from "./session.ts";
import type { SubmitRange } from "./submits.ts";
import type { TaskRecord } from "./task.ts";

/**
 * One thing that a turn of the core wants on disk. Changes apply in order, and all changes of a commit or none.
 * A `put` replaces the record of that key; payload bytes are written once and never changed.
 */
export type Change =
  | { readonly kind: "application.put"; readonly record: ApplicationRecord }
  /** Its closed sessions stay until each is deleted with a change of its own, in this turn or a later one. */
  | {
      readonly kind: "application.delete";
      readonly name: string;
      readonly removal: ApplicationRemoval;
    }
  | { readonly kind: "session.put"; readonly record: SessionRecord; readonly commonData?: Buffer }
  /** Takes the session's tasks and payloads along. */
  | { readonly kind: "session.delete"; readonly id: string }
  | {
      readonly kind: "task.put";
      readonly record: TaskRecord;
      readonly input?: Buffer | undefined;
      readonly output?: Buffer | undefined;
      /** It has begun since it was written last, and what it was while it ran is written nowhere else. */
      readonly begun?: true | undefined;
      /** It was written that it had begun, and it had not. */
      readonly unbegun?: true | undefined;
    }
  /** A new range of what a producer submitted, or the last one of it with more; in the commit that makes its tasks. */
  | { readonly kind: "submits.put"; readonly range: SubmitRange }
  /** Every Pending task of the session becomes Cancelled; `count` says how many, for whoever counts. */
  | {
      readonly kind: "tasks.cancel";
      readonly sessionId: string;
      readonly time: number;
      readonly count: number;
    }
  /** Closed sessions whose objects have left the object cache. */
  | { readonly kind: "sessions.objectsDeleted"; readonly ids: readonly string[] }
  /** How many tasks the session has by now: once in each turn that has changed one of them, after all such changes. */
  | {
      readonly kind: "session.counts";
      readonly id: string;
      readonly counts: Readonly<TaskCounts>;
      readonly lastTaskId: number;
    }
  | { readonly kind: "executor.put"; readonly record: ExecutorRecord }
  | { readonly kind: "executor.delete"; readonly id: string }
  | { readonly kind: "node.put"; readonly record: NodeRecord }
  | { readonly kind: "node.delete"; readonly name: string };
