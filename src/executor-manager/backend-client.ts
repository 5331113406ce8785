import { type ClientDuplexStream, Metadata } from "@grpc/grpc-js";
import packageFile from "../../package.json" with { type: "json" };
import {
  channelCredentials,
  clientOptions,
  receiveBytesMax,
  receiveMaxKey,
} from "../client/channel-options.ts";
import type { ClientCredentials } from "../config/client-credentials.ts";
import { type Endpoint, hostText } from "../config/endpoint.ts";
import { Backoff } from "../kit/backoff.ts";
import type { Clock } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { endsServicesKey } from "../protocol/ends-services.ts";
import { NodeLogsService } from "../protocol/generated/flame/logs/v1/node_logs.ts";
import {
  BackendService,
  type BindExecutorResponse,
  type RegisterNodeRequest,
  BackendClient as Stub,
  type WatchNodeRequest,
  type WatchNodeResponse,
} from "../protocol/generated/flame/v1/backend.ts";
import type {
  Executor,
  ExecutorSpec,
  Node,
  Result,
  TaskResult,
} from "../protocol/generated/flame/v1/types.ts";
import { followsKey, instanceKey } from "../protocol/instance-key.ts";
import { logStreamKey } from "../protocol/log-stream-key.ts";
import { readPrintable, requestIdKey } from "../protocol/request-id.ts";
import { nodesDefinition } from "../protocol/stream-services.ts";
import { versionKey } from "../protocol/version-key.ts";
import { workStreamKey } from "../protocol/work-stream-key.ts";
import type { LogCall } from "./logs/log-outbox.ts";
import { pause } from "./pause.ts";
import { isRefusal, RpcFailure, type UnaryMethod, type UnaryOptions, unary } from "./unary.ts";
import type { LaunchedTask } from "./work/work-source.ts";
import type { WorkCall } from "./work/work-stream.ts";

/** The node's end of the heartbeat stream. */
export type NodeStream = ClientDuplexStream<WatchNodeRequest, WatchNodeResponse>;

/** A session that an executor was given, or the news that it has to go. */
export interface GivenSession {
  readonly response: BindExecutorResponse;
  /** Of the client's request that made the session; absent when the session manager does not tell. */
  readonly requestId: string | undefined;
}

/** What an executor asks of the session manager. Every call is repeated until it is answered. */
export interface ExecutorCalls {
  register(executorId: string, spec: ExecutorSpec, signal: AbortSignal): Promise<void>;
  /** Waits, for hours if need be, until the executor has a session or has to go. */
  bind(executorId: string, signal: AbortSignal): Promise<GivenSession>;
  bindCompleted(executorId: string, result: Result, signal: AbortSignal): Promise<void>;
  /** Waits for a task as long as the application's `delay_release` says; undefined when none came. */
  launch(executorId: string, signal: AbortSignal): Promise<LaunchedTask | undefined>;
  complete(
    executorId: string,
    result: TaskResult,
    launched: Pick<LaunchedTask, "lease" | "requestId">,
    signal: AbortSignal,
  ): Promise<void>;
  unbind(executorId: string, signal: AbortSignal): Promise<void>;
  unbindCompleted(executorId: string, signal: AbortSignal): Promise<void>;
  unregister(executorId: string, signal: AbortSignal): Promise<void>;
}

/** What the node itself asks. These calls are made once. */
export interface NodeCalls {
  registerNode(request: RegisterNodeRequest, signal: AbortSignal): Promise<void>;
  watchNode(): NodeStream;
  /** Begins a stream of work; a session manager that has none refuses it with UNIMPLEMENTED. */
  work(): WorkCall;
  /** Begins a stream of logs, alike. */
  logs(): LogCall;
  /** What the session manager believes that this node has. */
  syncNode(node: Node, signal: AbortSignal): Promise<readonly Executor[]>;
  /** Takes the node out, so that what it held goes to others at once. */
  releaseNode(nodeName: string): Promise<void>;
}

/** Where the session manager is. */
export interface BackendTarget extends ClientCredentials {
  /** `cluster.endpoint`: the Frontend; the Backend listens on the next port. */
  readonly clusterEndpoint: Endpoint;
  /** Where this node keeps the output of services; told to the session manager, for operators. */
  readonly logFolder?: string;
  /** Which start of this executor manager calls. */
  readonly instance?: NodeInstance;
  /** False: the node never opens a stream of work. @default true */
  readonly workStream?: boolean;
}

/** One start of the executor manager of a node. */
export interface NodeInstance {
  /** Random. */
  readonly id: string;
  /** Those before it that may still hold the node's name and are known to have ended. */
  readonly follows: readonly string[];
}

const SHORT_CALL_TIMEOUT_MS = 30_000;
const RETRY_FIRST_MS = 100;
/** A restarted session manager finds out soon who is still there. */
const RETRY_MAX_MS = 1_000;

/** Metadata that fences a result (docs/protocol.md, "Leases"). */
const LEASE_KEY = "flame-lease";
const LOGS_KEY = "flame-logs";
/** A node that stops does not wait longer than this for the goodbye to be heard. */
const RELEASE_TIMEOUT_MS = 2_000;

/** One connection to the Backend of a session manager (docs/protocol.md, "Executors"). */
export class BackendClient implements ExecutorCalls, NodeCalls {
  readonly #stub: Stub;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** True once a task came with a lease, or the session manager said that it is one of ours. */
  #fences = false;
  readonly #host: string;
  /** `host:port` of the Backend. */
  readonly target: string;
  /** What the session manager should know of this node, and may tell operators. */
  readonly #about: Readonly<Record<string, string>>;
  /** Sent with every call in the name of the node. */
  readonly #caller: Readonly<Record<string, string>>;

  /** @throws FlameError invalid_config for a certificate or token file that cannot be used. */
  constructor(deps: { clock: Clock; logger: Logger }, options: BackendTarget) {
    const endpoint = options.clusterEndpoint;
    const { instance } = options;
    this.#caller = instance === undefined ? {} : { [instanceKey]: instance.id };
    const follows = instance?.follows.join(",") ?? "";
    this.#about = {
      ...this.#caller,
      ...(follows !== "" && { [followsKey]: follows }),
      [versionKey]: packageFile.version,
      [endsServicesKey]: "1",
      [logStreamKey]: "1",
      ...(options.workStream !== false && { [workStreamKey]: "1" }),
      ...(options.logFolder === undefined ? {} : { [LOGS_KEY]: encodeURI(options.logFolder) }),
    };
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#host = endpoint.host;
    this.target = `${hostText(endpoint.host)}:${endpoint.port + 1}`;
    this.#stub = new Stub(
      this.target,
      channelCredentials(endpoint, options),
      clientOptions(endpoint, options),
    );
  }

  close(): void {
    this.#stub.close();
  }

  async registerNode(request: RegisterNodeRequest, signal: AbortSignal): Promise<void> {
    await unary(this.#stub, BackendService.registerNode, request, {
      signal,
      host: this.#host,
      timeoutMs: SHORT_CALL_TIMEOUT_MS,
      metadata: this.#about,
    });
  }

  async releaseNode(nodeName: string): Promise<void> {
    // The reference keeps executors of a released node in memory, and its scheduler then fails on them: it
    // finds out by itself, when the stream ends. A session manager that fences takes the node at its word.
    if (!this.#fences) return;
    await unary(
      this.#stub,
      BackendService.releaseNode,
      { nodeName },
      { host: this.#host, timeoutMs: RELEASE_TIMEOUT_MS, metadata: this.#caller },
    );
  }

  watchNode(): NodeStream {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(this.#caller)) metadata.set(key, value);
    const stream = this.#stub.watchNode(metadata);
    stream.on("metadata", (headers) => {
      this.#fences ||= headers.get(versionKey).length > 0;
    });
    return stream;
  }

  work(): WorkCall {
    const { path, requestSerialize, responseDeserialize } = nodesDefinition.work;
    const metadata = new Metadata();
    metadata.set(receiveMaxKey, String(receiveBytesMax));
    for (const [key, value] of Object.entries(this.#caller)) metadata.set(key, value);
    return this.#stub.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  }

  logs(): LogCall {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(this.#caller)) metadata.set(key, value);
    const { path, requestSerialize, responseDeserialize } = NodeLogsService.serve;
    return this.#stub.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  }

  async syncNode(node: Node, signal: AbortSignal): Promise<readonly Executor[]> {
    const { executors } = await unary(
      this.#stub,
      BackendService.syncNode,
      { node, executors: [] },
      { signal, host: this.#host, timeoutMs: SHORT_CALL_TIMEOUT_MS, metadata: this.#caller },
    );
    return executors;
  }

  async register(
    executorId: string,
    executorSpec: ExecutorSpec,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#short(
      "RegisterExecutor",
      BackendService.registerExecutor,
      { executorId, executorSpec },
      signal,
    );
  }

  async bind(executorId: string, signal: AbortSignal): Promise<GivenSession> {
    let requestId: string | undefined;
    const onTrailer = (metadata: Metadata): void => {
      requestId = readPrintable(metadata.get(requestIdKey));
    };
    const method = BackendService.bindExecutor;
    const options = { signal, onTrailer };
    const response = await this.#repeat("BindExecutor", method, { executorId }, options);
    return { response, requestId };
  }

  async bindCompleted(executorId: string, result: Result, signal: AbortSignal): Promise<void> {
    const method = BackendService.bindExecutorCompleted;
    await this.#short("BindExecutorCompleted", method, { executorId, result }, signal);
  }

  async launch(executorId: string, signal: AbortSignal): Promise<LaunchedTask | undefined> {
    let lease: string | undefined;
    const onMetadata = (metadata: Metadata): void => {
      const [value] = metadata.get(LEASE_KEY);
      lease = typeof value === "string" ? value : undefined;
      this.#fences ||= lease !== undefined;
    };
    let requestId: string | undefined;
    const onTrailer = (metadata: Metadata): void => {
      requestId = readPrintable(metadata.get(requestIdKey));
    };
    const method = BackendService.launchTask;
    const { task } = await this.#repeat(
      "LaunchTask",
      method,
      { executorId },
      { signal, onMetadata, onTrailer },
    );
    if (task === undefined) return undefined;
    return { taskId: task.metadata?.id ?? "", input: task.spec?.input, lease, requestId };
  }

  async complete(
    executorId: string,
    taskResult: TaskResult,
    { lease, requestId }: Pick<LaunchedTask, "lease" | "requestId">,
    signal: AbortSignal,
  ): Promise<void> {
    const metadata = {
      ...(lease !== undefined && { [LEASE_KEY]: lease }),
      ...(requestId !== undefined && { [requestIdKey]: requestId }),
    };
    const fenced = { signal, timeoutMs: SHORT_CALL_TIMEOUT_MS, metadata };
    const method = BackendService.completeTask;
    await this.#repeat("CompleteTask", method, { executorId, taskResult }, fenced);
  }

  async unbind(executorId: string, signal: AbortSignal): Promise<void> {
    await this.#short("UnbindExecutor", BackendService.unbindExecutor, { executorId }, signal);
  }

  async unbindCompleted(executorId: string, signal: AbortSignal): Promise<void> {
    const method = BackendService.unbindExecutorCompleted;
    await this.#short("UnbindExecutorCompleted", method, { executorId }, signal);
  }

  async unregister(executorId: string, signal: AbortSignal): Promise<void> {
    await this.#short(
      "UnregisterExecutor",
      BackendService.unregisterExecutor,
      { executorId },
      signal,
    );
  }

  #short<Request extends { readonly executorId: string }, Response>(
    name: string,
    method: UnaryMethod<Request, Response>,
    request: Request,
    signal: AbortSignal,
  ): Promise<Response> {
    return this.#repeat(name, method, request, { signal, timeoutMs: SHORT_CALL_TIMEOUT_MS });
  }

  // A manager that restarts is away for seconds, and meanwhile nothing here is lost: so ask again until it answers.
  async #repeat<Request extends { readonly executorId: string }, Response>(
    name: string,
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: UnaryOptions & { signal: AbortSignal },
  ): Promise<Response> {
    const backoff = new Backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
    for (;;) {
      try {
        return await unary(this.#stub, method, request, { ...options, host: this.#host });
      } catch (thrown) {
        if (!(thrown instanceof RpcFailure) || options.signal.aborted || isRefusal(thrown))
          throw thrown;
        const pauseMs = backoff.next();
        this.#logger.debug(
          {
            rpc: name,
            executor: request.executorId,
            status: thrown.status,
            text: thrown.message,
            pauseMs,
          },
          "call failed, trying again",
        );
        await pause(this.#clock, pauseMs, options.signal);
      }
    }
  }
}
