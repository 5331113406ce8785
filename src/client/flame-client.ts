import { setTimeout as delay } from "node:timers/promises";
import type { ClientCredentials } from "../config/client-credentials.ts";
import { parseEndpoint } from "../config/endpoint.ts";
import { type Clock, systemClock } from "../kit/clock.ts";
import { shortName } from "../kit/ids.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { FlameError } from "../model/errors.ts";
import { applicationSpecToWire } from "../protocol/application-wire.ts";
import { keepSessionKey } from "../protocol/client-id.ts";
import {
  type Result,
  TaskState,
  type Task as WireTask,
} from "../protocol/generated/flame/v1/types.ts";
import { decodeCluster, decodeLogEntry } from "./admin-wire.ts";
import { decodeApplication } from "./application-wire.ts";
import { type CancelOptions, type CancelResult, cancel } from "./cancel.ts";
import { admin, FrontendClient, frontend, type PutOffCall, presence } from "./frontend-client.ts";
import { Limiter } from "./limiter.ts";
import { LogStream, type LogWish } from "./log-stream.ts";
import { Presence } from "./presence.ts";
import { RegistryClient } from "./registry.ts";
import { fromResult } from "./rpc-error.ts";
import { type CallLimits, Session } from "./session.ts";
import { checkHasDeadline, type SubmitOptions, timeoutMsOf } from "./submit-options.ts";
import { TaskStreams } from "./task-streams.ts";
import type {
  Application,
  AuditOptions,
  ClusterInfo,
  Executor,
  LogEntry,
  Node,
  SessionInfo,
  SessionSpec,
  Task,
} from "./types.ts";
import { watchTask } from "./watch.ts";
import {
  decodeExecutor,
  decodeNode,
  decodeSession,
  decodeTask,
  encodeSessionSpec,
  required,
  toBuffer,
} from "./wire.ts";

export interface FlameClientOptions extends ClientCredentials {
  /** `http://HOST:PORT` or `https://HOST:PORT` of the session manager. @default http://127.0.0.1:8080 */
  readonly endpoint?: string;
  /** How long a unary call may take, in milliseconds. @default 60,000 */
  readonly callTimeoutMs?: number;
  /** How long a watch tries to come back after its connection broke, in milliseconds. @default 120,000 */
  readonly reconnectTimeoutMs?: number;
  /** Told each time before a call that the server refused for now waits to be repeated. @default nobody */
  readonly onPutOff?: (call: PutOffCall) => void;
  /** CreateTask calls under way at once. @default 64 */
  readonly createsMax?: number;
  /** Tasks watched at once by {@link Session.finished}. @default 512 */
  readonly watchesMax?: number;
  /** False: CreateTask and WatchTask for each task, also where the session manager has a stream for them. @default true */
  readonly taskStreams?: boolean;
  /** @default the machine's clock */
  readonly clock?: Clock;
}

/**
 * A client of one session manager. Connects with the first call and comes back by itself; close it when done.
 *
 * Every call throws FlameError with the server's own text: not_found, invalid_argument and so on by the
 * status of the reply, unavailable when the connection broke, invalid_config when there never was one.
 */
export class FlameClient {
  /** Applications with their revisions and owners, applied as documents. */
  readonly registry: RegistryClient;
  readonly #rpc: FrontendClient;
  readonly #presence: Presence;
  readonly #limits: CallLimits;
  readonly #streams: TaskStreams;
  readonly #logs: LogStream;
  readonly #clock: Clock;
  readonly #reconnectTimeoutMs: number;

  /** @throws FlameError invalid_config for an endpoint that is none or a certificate or token file that cannot be used. */
  constructor(options: FlameClientOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#reconnectTimeoutMs = options.reconnectTimeoutMs ?? 120_000;
    this.#limits = {
      creates: new Limiter(options.createsMax ?? 64),
      watches: new Limiter(options.watchesMax ?? 512),
    };
    const callTimeoutMs = options.callTimeoutMs ?? 60_000;
    const url = options.endpoint ?? "http://127.0.0.1:8080";
    const endpoint = parseEndpoint(url, ["http", "https"], 8080);
    const connect = (): FrontendClient =>
      new FrontendClient({ clock: this.#clock }, endpoint, { ...options, callTimeoutMs });
    this.#rpc = connect();
    this.#logs = new LogStream({ connect, clock: this.#clock, url: endpoint.url });
    this.#streams = new TaskStreams({
      rpc: this.#rpc,
      clock: this.#clock,
      reconnectTimeoutMs: this.#reconnectTimeoutMs,
      callTimeoutMs,
      onPutOff: options.onPutOff,
      wanted: options.taskStreams ?? true,
    });
    this.registry = new RegistryClient(this.#rpc);
    this.#presence = new Presence({
      beat: () => this.#rpc.unary(presence.beat, {}),
      clock: this.#clock,
    });
  }

  /** Registers an application; an existing name is an error (already_exists). */
  async registerApplication(name: string, spec: ApplicationManifestSpec): Promise<void> {
    const application = applicationSpecToWire(spec);
    check(await this.#rpc.unary(frontend.registerApplication, { name, application }));
  }

  /** Replaces an application's specification as a whole: what is absent goes back to its default. */
  async updateApplication(name: string, spec: ApplicationManifestSpec): Promise<void> {
    const application = applicationSpecToWire(spec);
    check(await this.#rpc.unary(frontend.updateApplication, { name, application }));
  }

  /** Removes an application with its closed sessions; refused (invalid_state) while sessions are open. */
  async unregisterApplication(name: string): Promise<void> {
    check(await this.#rpc.unary(frontend.unregisterApplication, { name }));
  }

  async getApplication(name: string): Promise<Application> {
    return decodeApplication(await this.#rpc.unary(frontend.getApplication, { name }));
  }

  /** All applications, in the server's order. */
  async listApplications(): Promise<Application[]> {
    const { applications } = await this.#rpc.unary(frontend.listApplication, {});
    return applications.map(decodeApplication);
  }

  /**
   * Creates a session. One whose id you do not choose ends with this client: when the client is gone for 10 minutes
   * and no task is open, or no task came for a day, the session manager closes it (docs/protocol.md, "Unused sessions").
   * @param id @default `<application>-<six random letters or digits>`
   * @param options.keep the session stays until it is closed @default whether an id is given
   */
  async createSession(
    spec: SessionSpec,
    id?: string,
    options: HandleOptions = {},
  ): Promise<Session> {
    await this.#checkLogs(options);
    const sessionId = id ?? shortName(spec.application);
    const request = { sessionId, session: encodeSessionSpec(spec) };
    const { keep = id !== undefined } = options;
    const created = await this.#rpc.unary(frontend.createSession, request, keeping(keep));
    if (!keep) this.#presence.began(sessionId);
    return this.#session(decodeSession(created), options);
  }

  /**
   * The open session of that id; with `spec` it is created if absent, and must match if present.
   * @param options.keep the session stays until it is closed, also one that was to end with its client; false: one that
   * is to end with its client ends with this one, too @default whether `spec` is given
   */
  async openSession(id: string, spec?: SessionSpec, options: HandleOptions = {}): Promise<Session> {
    await this.#checkLogs(options);
    const request = { sessionId: id, session: spec && encodeSessionSpec(spec) };
    const { keep = spec !== undefined } = options;
    const opened = await this.#rpc.unary(frontend.openSession, request, keeping(keep));
    if (!keep) this.#presence.began(id);
    return this.#session(decodeSession(opened), options);
  }

  async getSession(id: string): Promise<SessionInfo> {
    return decodeSession(await this.#rpc.unary(frontend.getSession, { sessionId: id }));
  }

  /** Open and closed sessions, in the server's order. */
  async listSessions(): Promise<SessionInfo[]> {
    const { sessions } = await this.#rpc.unary(frontend.listSession, {});
    return sessions.map(decodeSession);
  }

  /**
   * Closes a session: pending tasks are cancelled; with running ones the server refuses, unless `force` has it end them.
   * A session manager of another make answers `force` with unimplemented, and changes nothing.
   */
  async closeSession(
    id: string,
    { force = false }: { readonly force?: boolean } = {},
  ): Promise<SessionInfo> {
    if (force) await this.cancelTasks(id, undefined, { close: true });
    const closed = await this.#rpc.unary(frontend.closeSession, { sessionId: id });
    this.#presence.ended(id);
    await this.#logs.end(id);
    return decodeSession(closed);
  }

  /**
   * Cancels tasks of a session, in one commit: what is Pending is Cancelled and never runs, what is Running is Failed
   * and its service is ended. What has ended stays as it is. A session manager of another make answers unimplemented.
   * @param taskIds @default every task that has not ended
   */
  cancelTasks(
    sessionId: string,
    taskIds?: readonly string[],
    options: CancelOptions = {},
  ): Promise<CancelResult> {
    return cancel(this.#rpc, sessionId, taskIds, options);
  }

  /** Deletes a closed session with its tasks and events. */
  async deleteSession(id: string): Promise<SessionInfo> {
    return decodeSession(await this.#rpc.unary(frontend.deleteSession, { sessionId: id }));
  }

  /** Creates a task; {@link Session.createTask} says what a lost reply means. */
  async createTask(sessionId: string, input?: Uint8Array, options?: SubmitOptions): Promise<Task> {
    const timeoutMs = timeoutMsOf(options);
    const timeout = timeoutMs === undefined ? undefined : BigInt(timeoutMs);
    const task = { sessionId, input: input && toBuffer(input), output: undefined, timeout };
    const created = decodeTask(await this.#rpc.unary(frontend.createTask, { task }));
    if (timeoutMs !== undefined) checkHasDeadline(created);
    return created;
  }

  /** A task with its events. */
  async getTask(sessionId: string, taskId: string): Promise<Task> {
    return decodeTask(await this.#rpc.unary(frontend.getTask, { taskId, sessionId }));
  }

  /** Every task of a session once, in no order; read as slowly as you like. */
  async *listTasks(sessionId: string): AsyncGenerator<Task, void, void> {
    const tasks = this.#rpc.stream(frontend.listTask, { sessionId });
    for await (const task of tasks) yield decodeTask(task);
  }

  /**
   * The states of a task up to its final one; comes back after a restart of the session manager.
   * @param signal ends the watch, which then throws the signal's reason
   */
  watchTask(
    sessionId: string,
    taskId: string,
    signal?: AbortSignal,
  ): AsyncGenerator<Task, void, void> {
    return watchTask(
      {
        open: () => this.#watchOnce(sessionId, taskId, signal),
        get: () => this.getTask(sessionId, taskId),
      },
      {
        clock: this.#clock,
        pause: (delayMs) => delay(delayMs),
        reconnectTimeoutMs: this.#reconnectTimeoutMs,
        signal,
      },
    );
  }

  /** Every live executor, in the server's order. */
  async listExecutors(): Promise<Executor[]> {
    const { executors } = await this.#rpc.unary(frontend.listExecutor, {});
    return executors.map(decodeExecutor);
  }

  async listNodes(): Promise<Node[]> {
    const { nodes } = await this.#rpc.unary(frontend.listNodes, {});
    return nodes.map(decodeNode);
  }

  async getNode(name: string): Promise<Node> {
    const { node } = await this.#rpc.unary(frontend.getNode, { name });
    return decodeNode(required(node, "GetNodeResponse.node"));
  }

  /** Takes a node out that is not Ready: its name is free, what it held goes to others. */
  async releaseNode(name: string): Promise<void> {
    await this.#rpc.unary(admin.releaseNode, { name });
  }

  /** Versions, storage, queues and counts; unimplemented when the session manager is of another make. */
  async viewCluster(): Promise<ClusterInfo> {
    return decodeCluster(await this.#rpc.unary(admin.viewCluster, {}));
  }

  /** Whether the session manager is of this make, and not one that serves the published calls alone. */
  async isOfThisMake(): Promise<boolean> {
    try {
      await this.viewCluster();
      return true;
    } catch (thrown) {
      if (FlameError.from(thrown).code === "unimplemented") return false;
      throw thrown;
    }
  }

  /** A consistent copy of the cluster's database, piece by piece; invalid_state when it keeps none on disk. */
  async *backup(): AsyncGenerator<Buffer, void, void> {
    for await (const { data } of this.#rpc.stream(admin.backup, {})) yield data;
  }

  /**
   * What the services of a session wrote, executor by executor.
   * @param options.taskId only what was written while this task ran
   * @param options.follow go on until the session is closed, or the task has ended; leaving the loop ends it as well
   */
  async *readLogs(
    sessionId: string,
    options: { readonly taskId?: string; readonly follow?: boolean } = {},
  ): AsyncGenerator<LogEntry, void, void> {
    const { taskId, follow = false } = options;
    const request = { sessionId, taskId, follow };
    for await (const reply of this.#rpc.stream(admin.readLogs, request)) {
      yield* decodeLogEntry(reply);
    }
  }

  /** Lines of the audit log, each a JSON object as it stands in the file, the earliest first (docs/audit.md). */
  async *readAudit(options: AuditOptions = {}): AsyncGenerator<string, void, void> {
    const { since, follow = false, ...filter } = options;
    const request = {
      ...{ who: undefined, method: undefined, what: undefined, ...filter, follow },
      since: since === undefined ? undefined : BigInt(since.getTime()),
    };
    for await (const { lines } of this.#rpc.stream(admin.readAudit, request)) yield* lines;
  }

  /** Ends the connection; calls under way fail. */
  close(): void {
    this.#presence.close();
    this.#logs.close();
    this.#streams.close();
    this.#rpc.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async *#watchOnce(
    sessionId: string,
    taskId: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Task, void, void> {
    const tasks = this.#rpc.stream(frontend.watchTask, { taskId, sessionId }, isFinal, signal);
    for await (const task of tasks) yield decodeTask(task);
  }

  /** Before anything is done: @throws FlameError invalid_state for logs that are asked for where there are none */
  async #checkLogs({ logs }: HandleOptions): Promise<void> {
    if (logs?.warn !== undefined) await this.#logs.require();
  }

  async #session(info: SessionInfo, { logs }: HandleOptions): Promise<Session> {
    if (logs !== undefined) await this.#logs.follow(info.id, logs);
    return new Session(this, this.#limits, info, this.#streams);
  }
}

interface HandleOptions {
  readonly keep?: boolean;
  /** Where goes what its tasks print, until the session is closed. @default nowhere */
  readonly logs?: LogWish;
}

function keeping(keep: boolean): Readonly<Record<string, string>> {
  return keep ? { [keepSessionKey]: "true" } : {};
}

const finalStates: readonly number[] = [TaskState.Succeed, TaskState.Failed, TaskState.Cancelled];

// The server ends a watch after a final state.
function isFinal({ status }: WireTask): boolean {
  return status !== undefined && finalStates.includes(status.state);
}

// Application RPCs report failures inside an OK reply; anything but zero is one (docs/protocol.md, "Errors").
function check(result: Result): void {
  if (result.returnCode !== 0) {
    throw fromResult(result.message ?? `the server answered return_code ${result.returnCode}`);
  }
}
