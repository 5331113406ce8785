import type { CancelOptions, CancelResult } from "../client/cancel.ts";
import type { PutOffCall } from "../client/frontend-client.ts";
import type { Objects } from "../client/objects-types.ts";
import type { Registry } from "../client/registry-types.ts";
import type { SubmitOptions } from "../client/submit-options.ts";
import type { Application, SessionInfo, SessionSpec, Task } from "../client/types.ts";
import type { ClientCredentials } from "../config/client-credentials.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import type { FlameError } from "../model/errors.ts";
import type { Codecs } from "./codec.ts";
import type { Logs } from "./log-lines.ts";

/** How a client finds its cluster and how patient it is. What is left out comes from the environment or the client's file. */
export interface ConnectOptions extends ClientCredentials {
  /**
   * `http://HOST:PORT` or `https://HOST:PORT` of the session manager.
   * @default FLAME_ENDPOINT, else the client's file, else http://127.0.0.1:8080
   */
  readonly endpoint?: string;
  /**
   * `grpc://HOST:PORT` or `grpcs://HOST:PORT` of the object cache.
   * @default FLAME_CACHE_ENDPOINT, else the client's file, else grpc://127.0.0.1:9090
   */
  readonly cacheEndpoint?: string;
  /** The client's file. @default ~/.flame/flame.yaml when there is one */
  readonly configFile?: string;
  /** How long a call may take, in milliseconds, waiting for a connection included. @default 60,000 */
  readonly callTimeoutMs?: number;
  /** How long a call of the object cache may take, in milliseconds. @default 300,000 */
  readonly objectTimeoutMs?: number;
  /** How long results are waited for after the connection broke, in milliseconds. @default 120,000 */
  readonly reconnectTimeoutMs?: number;
  /** Told each time before something that the session manager refused for now waits to be repeated. @default nobody */
  readonly onPutOff?: (call: PutOffCall) => void;
}

/**
 * A client of one cluster. It connects with the first call and comes back by itself after a restart of the session manager.
 * The process ends when nothing is under way any more.
 *
 * Every call throws FlameError: `code` by the server's answer (`not_found`, `invalid_argument` and so on), `unavailable` when
 * the connection broke, `invalid_config` when there never was one, `deadline_exceeded` after `callTimeoutMs`.
 */
export interface Flame {
  /** Applications, as every session manager serves them. */
  readonly applications: Applications;
  /** Applications with revisions, owners and documents, where the session manager is of this make. */
  readonly registry: Registry;
  /** The object cache. */
  readonly objects: Objects;
  /**
   * Creates a session of an application. One whose id you do not choose ends with this client: when the client is gone for
   * 10 minutes and no task is open, or no task came for a day, the session manager closes it.
   * @throws FlameError `not_found` for an unknown application, `already_exists` for an id that is taken,
   *   `invalid_argument` for what cannot be, common data that cannot be encoded included.
   */
  createSession<In = unknown, Out = unknown, Common = unknown>(
    options: SessionOptions<In, Out, Common>,
  ): Promise<Session<In, Out>>;
  /**
   * The open session of that id.
   * @throws FlameError `not_found` when there is none, `invalid_argument` when it is closed.
   */
  openSession<In = unknown, Out = unknown>(
    id: string,
    options?: OpenOptions<In, Out>,
  ): Promise<Session<In, Out>>;
  /** @throws FlameError `not_found`. */
  getSession(id: string): Promise<SessionInfo>;
  /** Open and closed sessions, in the server's order. */
  listSessions(): Promise<SessionInfo[]>;
  /**
   * Closes a session: tasks that wait are cancelled.
   * @throws FlameError `invalid_argument` while tasks run, unless `force` ends them; `not_found`.
   */
  closeSession(id: string, options?: CloseOptions): Promise<SessionInfo>;
  /** Deletes a closed session with its tasks. @throws FlameError `invalid_argument` when it is open; `not_found`. */
  deleteSession(id: string): Promise<SessionInfo>;
  /** Ends the connections; what is under way fails with `unavailable`. Sessions stay as {@link createSession} says. */
  close(): void;
  [Symbol.dispose](): void;
}

/** What a session is made of. */
export interface SessionOptions<In, Out, Common> extends Omit<SessionSpec, "commonData"> {
  /** @default `<application>-<six random letters or digits>` */
  readonly id?: string;
  /** The session stays until it is closed, also without this client. @default whether an id is given */
  readonly keep?: boolean;
  /** Handed to the service when it enters the session. @default none */
  readonly commonData?: Common;
  /** @default JSON for all of them */
  readonly codecs?: Codecs<In, Out, Common>;
  /**
   * What its services print, from every node, until the session is closed: true prints each line with its executor and task, on
   * stdout or stderr as the task did; a function is called with each line. Where it is asked for by name and the session manager
   * does not tell it, `invalid_state` is thrown.
   * @default true where stdout or stderr is a terminal and the program is no service, without being an error; else false
   */
  readonly logs?: Logs;
}

export interface OpenOptions<In, Out> {
  /** @default JSON for both */
  readonly codecs?: Omit<Codecs<In, Out, unknown>, "commonData">;
  /** As in {@link SessionOptions}: what is printed from now on. */
  readonly logs?: Logs;
}

export interface CloseOptions {
  /** Ends the tasks that run: they are Failed. @default false */
  readonly force?: boolean;
}

/** A session: hand in inputs, get outputs. `In` and `Out` are what its codecs take and give. */
export interface Session<In, Out> {
  readonly id: string;
  readonly application: string;
  /**
   * Runs one task and gives its output. A session manager that restarts meanwhile makes one task of it.
   * @throws TaskFailedError with the service's words, CancelledError when somebody cancelled the task, the signal's reason
   *   when it aborts, FlameError for what no task came of.
   */
  invoke(input: In, options?: InvokeOptions): Promise<Out>;
  /**
   * Runs a task of each input and gives their outputs in the order of the inputs. Inputs are taken as there is room, so any
   * number of them, also an endless one, is bounded in memory.
   * @throws what {@link invoke} throws, for the first input whose task gives no output; what `inputs` throws, after the
   *   outputs of what came before.
   */
  map(
    inputs: Iterable<In> | AsyncIterable<In>,
    options?: MapOptions,
  ): AsyncGenerator<Out, void, void>;
  /**
   * As {@link map}, but gives each end as it comes, in no order, and failures as values.
   * @throws the signal's reason when it aborts, and what `inputs` throws, after the ends of what came before.
   */
  results(
    inputs: Iterable<In> | AsyncIterable<In>,
    options?: MapOptions,
  ): AsyncGenerator<TaskResult<Out>, void, void>;
  /** Creates a task and does not wait for it. Never tried again by itself, as a second try could make a second task. */
  submit(input: In, options?: SubmitOptions): Promise<TaskHandle<Out>>;
  /** A task of this session by its id; nothing is asked of the server. */
  task(id: string): TaskHandle<Out>;
  /** Every task of the session with its bytes, in no order. */
  listTasks(): AsyncIterable<Task>;
  /** Cancels every task that has not ended; what runs is Failed, and its service is ended. */
  cancel(options?: CancelOptions): Promise<CancelResult>;
  /** The session as it is now. */
  get(): Promise<SessionInfo>;
  /** As {@link Flame.closeSession}. */
  close(options?: CloseOptions): Promise<SessionInfo>;
}

/** A task that was created. */
export interface TaskHandle<Out> {
  /** Decimal text, counted from 1 within the session. */
  readonly id: string;
  readonly sessionId: string;
  /** Waits for its output. @throws what {@link Session.invoke} throws. */
  result(options?: WaitOptions): Promise<Out>;
  /** Cancels it unless it has ended. */
  cancel(): Promise<CancelResult>;
  /** The task as it is now, with its bytes and events. */
  get(): Promise<Task>;
}

/** How something is waited for. */
export interface WaitOptions {
  /** Ends the wait, which throws the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * A task whose end is not waited for any more is cancelled; the wait is over when the session manager has done so, and throws
   * a FlameError if that fails. False: it goes on without this client.
   * @default false
   */
  readonly cancelTasks?: boolean;
}

export interface InvokeOptions extends SubmitOptions, WaitOptions {}

/** For {@link WaitOptions.cancelTasks}, leaving the loop counts as well, by `break` or by an error. */
export interface MapOptions extends InvokeOptions {
  /**
   * How many inputs are taken whose results you do not have yet: 1 to 1,000,000. How many run at once is up to the cluster and
   * to the session's `maxInstances`.
   * @default 1,000
   */
  readonly concurrency?: number;
}

/** How the task of one input ended. */
export type TaskResult<Out> = TaskPlace &
  (
    | { readonly status: "fulfilled"; readonly value: Out }
    | {
        readonly status: "rejected";
        /** What {@link Session.invoke} throws. */
        readonly reason: FlameError;
      }
  );

/** Which task it is. */
export interface TaskPlace {
  /** Of the input, counted from 0. */
  readonly index: number;
  /** Absent when it is no task. */
  readonly taskId?: string;
}

/** Applications over the published calls. */
export interface Applications {
  /** @throws FlameError `already_exists`; `invalid_argument` with every fault of the specification. */
  register(name: string, spec: ApplicationManifestSpec): Promise<void>;
  /**
   * Replaces the specification as a whole: what is absent goes back to its default.
   * @throws FlameError `not_found`, `invalid_argument`, `invalid_state` while sessions are open.
   */
  update(name: string, spec: ApplicationManifestSpec): Promise<void>;
  /** Removes an application with its closed sessions. @throws FlameError `invalid_state` while sessions are open; `not_found`. */
  unregister(name: string): Promise<void>;
  /** @throws FlameError `not_found`. */
  get(name: string): Promise<Application>;
  /** All of them, in the server's order. */
  list(): Promise<Application[]>;
}
