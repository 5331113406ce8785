import type { TaskResult } from "../../protocol/generated/flame/v1/types.ts";

/** A task that was handed to an executor. */
export interface LaunchedTask {
  readonly taskId: string;
  readonly input: Buffer | undefined;
  /** Names this handing-out; returned with the result. Absent from session managers that do not fence. */
  readonly lease: string | undefined;
  /** Of the client's request that made the task; absent when the session manager does not tell. */
  readonly requestId: string | undefined;
}

/** Where an executor gets its tasks and leaves their results, from its binding until it leaves the session. */
export interface WorkSource {
  /**
   * The next task, which has begun when it is answered; undefined: the executor is to leave its session.
   * One task at a time: asked again after {@link finish}.
   */
  next(): Promise<LaunchedTask | undefined>;
  /** Takes the result of the task that {@link next} gave; a promise only where the next task has to wait for its delivery. */
  finish(launched: LaunchedTask, result: TaskResult): Promise<void> | undefined;
  /** The task that {@link next} gave did not begin after all. */
  giveBack(launched: LaunchedTask): void;
  /** Takes nothing new, and gives back what has not begun. */
  shut(): void;
  /** Resolves when every result has arrived, and ends the source. */
  settled(): Promise<void>;
  /** Nobody wants the executor or its results any more. */
  drop(): void;
}
