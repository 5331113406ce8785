import type { Codecs } from "./codec.ts";

/** A service: what it does in the life of one session. What a method throws fails that step, and the client is told. */
export interface Service<In, Out, Common = unknown, State = undefined> {
  /**
   * Once, before any task. What it returns is handed to each task, and to {@link onSessionLeave}. What it throws is written
   * to the session's events, and the session is entered anew, in another process, after 1, 2, 4 ... 30 seconds.
   */
  onSessionEnter?(session: ServiceSession<Common>): State | Promise<State>;
  /** A task: one at a time, each in its turn. Returns its output. What it throws fails the task, and nothing else. */
  onTaskInvoke(input: In, task: ServiceTask<Common, State>): Out | Promise<Out>;
  /** Once, after the last task, and when the service is told to end; not when it dies. */
  onSessionLeave?(state: State): void | Promise<void>;
  /** @default JSON for all of them */
  readonly codecs?: Codecs<In, Out, Common>;
  /**
   * How many tasks are sent along beside the one that runs, 0 to 256: they come in batches, and the service never waits for the
   * next. Only for one whose tasks print nothing, since else the log does not tell for certain which of them did.
   * @default 0
   */
  readonly tasksAhead?: number;
}

/** The session that a service works for. */
export interface ServiceSession<Common = unknown> {
  readonly id: string;
  readonly application: ServiceApplication;
  /** What the client handed to createSession; undefined when it handed in nothing. */
  readonly commonData: Common;
}

/** What a service knows of its application. */
export interface ServiceApplication {
  readonly name: string;
  /** Where its package came from, as registered. */
  readonly url?: string;
  /** The folder that it was started in, as registered; absent: one of its own, which is removed afterwards. */
  readonly workingDirectory?: string;
}

/** A task of the session. */
export interface ServiceTask<Common = unknown, State = undefined> {
  /** Decimal text, counted from 1 within the session. A task may come again after a crash or the loss of a node. */
  readonly id: string;
  readonly session: ServiceSession<Common>;
  /** What onSessionEnter returned. */
  readonly state: State;
  /**
   * Aborts when the service is told to end while the task runs: the task was cancelled, is out of time, or its node stops. What
   * the task gives then is not sent any more; there are some seconds to clean up before the process is killed.
   */
  readonly signal: AbortSignal;
}

export interface ServeOptions {
  /** Ends the service: no further task begins. @default it ends with SIGTERM, SIGINT, or its executor manager */
  readonly signal?: AbortSignal;
}
