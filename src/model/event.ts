/** Codes of the events kept on tasks and sessions (docs/protocol.md, "Events"). */
export const eventCodes = {
  taskCreated: 0,
  taskLaunched: 1,
  taskSucceeded: 2,
  taskFailed: 3,
  taskRequeued: 5,
  bindFailed: 1001,
  bindRetriesExhausted: 1002,
  noNodeOffersShim: 1003,
  noExecutorForLong: 1004,
  applicationWithoutCommand: 1009,
  sessionUnused: 1010,
  /** Somebody cancelled the task, or tasks of the session. Our SDKs raise CancelledError for it. */
  cancelled: 1101,
  /** The task ran for longer than its application allows. */
  timedOut: 1102,
} as const;

/** What the events of nearly every task say, by code; a store need not keep these texts. They never change. */
export const usualEventTexts: Readonly<Record<number, string>> = {
  [eventCodes.taskCreated]: "Task was created with state <Pending>",
  [eventCodes.taskLaunched]: "Task was updated to state <Running>",
  [eventCodes.taskSucceeded]: "Task was completed with state <Succeed>",
};

/** Something that happened to a task or a session, in the order it happened. */
export interface FlameEvent {
  readonly code: number;
  readonly message: string;
  /** Unix milliseconds. */
  readonly creationTime: number;
}
