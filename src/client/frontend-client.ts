import { setTimeout as delay } from "node:timers/promises";
import {
  Client,
  type ClientDuplexStream,
  connectivityState,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import type { ClientCredentials } from "../config/client-credentials.ts";
import { type Endpoint, hostText } from "../config/endpoint.ts";
import type { Clock } from "../kit/clock.ts";
import { randomId } from "../kit/ids.ts";
import { FlameError } from "../model/errors.ts";
import { clientIdKey } from "../protocol/client-id.ts";
import { HealthService } from "../protocol/generated/grpc/health/v1/health.ts";
import { requestIdKey } from "../protocol/request-id.ts";
import {
  channelCredentials,
  clientOptions,
  receiveBytesMax,
  receiveMaxKey,
} from "./channel-options.ts";
import { connectFailureText, webServerAt } from "./connect-failure.ts";
import { holdNoProcess } from "./process-hold.ts";
import { ReplyQueue } from "./reply-queue.ts";
import { closedError, fromRpcError } from "./rpc-error.ts";

export { AdminService as admin } from "../protocol/generated/flame/admin/v1/admin.ts";
export { PresenceService as presence } from "../protocol/generated/flame/client/v1/client.ts";
export { RegistryService as registry } from "../protocol/generated/flame/registry/v1/registry.ts";
export { SessionsService as sessions } from "../protocol/generated/flame/sessions/v1/sessions.ts";
export { FrontendService as frontend } from "../protocol/generated/flame/v1/frontend.ts";

/** A call that was refused for now and is going to be repeated. */
export interface PutOffCall {
  /** The server's own words. */
  readonly refusal: FlameError;
  /** Since the call was made, in milliseconds. */
  readonly waitedMs: number;
  /** Until it is repeated, in milliseconds. */
  readonly pauseMs: number;
}

interface FrontendClientOptions extends ClientCredentials {
  /** How long a unary call may take, waiting for a connection included, in milliseconds. */
  readonly callTimeoutMs: number;
  /** Told each time before a refused call waits to be repeated. */
  readonly onPutOff?: (call: PutOffCall) => void;
}

/** A call that is refused again and again comes in pauses of up to so many times what the server asked for. */
const retryFactorMax = 8;

const PROBE_MS = 1_000;

/** Other services of Flame, and whose port it is that has them. */
const portOwners = [
  ["arrow.flight.protocol.FlightService", "this is the port of an object cache"],
  ["flame.v1.Backend", "this is the port that a session manager has for its nodes"],
] as const;

/** Whether something else than a session manager may have answered, or have failed to; newer services it may not know. */
function mayBeWrongPort({ code, message }: FlameError, path: string): boolean {
  if (code === "unimplemented") return path.startsWith("/flame.v1.Frontend/");
  return code === "invalid_config" && message.includes("speaks no gRPC");
}

/** The Frontend's RPCs as promises and async iterables, with FlameErrors instead of gRPC statuses. */
export class FrontendClient {
  readonly #channel: Client;
  readonly #endpoint: Endpoint;
  readonly #callTimeoutMs: number;
  readonly #onPutOff: ((call: PutOffCall) => void) | undefined;
  readonly #clock: Clock;
  /** Who this client is, for as long as it lives. */
  readonly #id = randomId();
  #reached = false;
  #isClosed = false;

  constructor(deps: { clock: Clock }, endpoint: Endpoint, options: FrontendClientOptions) {
    this.#clock = deps.clock;
    this.#endpoint = endpoint;
    this.#callTimeoutMs = options.callTimeoutMs;
    this.#onPutOff = options.onPutOff;
    const trust = channelCredentials(endpoint, options);
    this.#channel = new Client(
      `${hostText(endpoint.host)}:${endpoint.port}`,
      trust,
      clientOptions(endpoint, options),
    );
  }

  /**
   * One call, one reply.
   *
   * Until the endpoint has answered once, an unreachable one is a mistake in the configuration and fails at
   * once; later it is a restart, and a call that has not left yet waits for the connection to come back.
   * A refusal that says when to come again (docs/protocol.md, "Overload") has changed nothing: the call is repeated,
   * whatever it is, while there is time for it.
   * @param more metadata besides what every call carries
   * @throws FlameError with the status of the reply; unavailable when the connection broke before it came,
   *   deadline_exceeded after `callTimeoutMs`, invalid_config when the endpoint was never reached.
   */
  async unary<Request, Reply>(
    method: MethodDefinition<Request, Reply>,
    request: Request,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const beganAt = this.#clock.steady();
    const deadline = beganAt + this.#callTimeoutMs;
    const requestId = randomId();
    const isFirst = !this.#reached;
    for (let factor = 1; ; factor = Math.min(2 * factor, retryFactorMax)) {
      try {
        return await this.#once(
          method,
          request,
          { ...more, [requestIdKey]: requestId },
          deadline - this.#clock.steady(),
        );
      } catch (thrown) {
        const refusal = FlameError.from(thrown);
        if (isFirst && mayBeWrongPort(refusal, method.path)) throw await this.#withOwner(refusal);
        const pauseMs = (refusal.retryAfterMs ?? Number.POSITIVE_INFINITY) * factor;
        const refusedAt = this.#clock.steady();
        if (refusedAt + pauseMs >= deadline) throw thrown;
        this.#onPutOff?.({ refusal, waitedMs: refusedAt - beganAt, pauseMs });
        await delay(pauseMs);
      }
    }
  }

  #once<Request, Reply>(
    method: MethodDefinition<Request, Reply>,
    request: Request,
    more: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): Promise<Reply> {
    const options = { deadline: this.#clock.now() + timeoutMs };
    const metadata = this.#metadata({ waitForReady: this.#reached }, more);
    return new Promise((resolve, reject) => {
      const answer = (error: ServiceError | null, reply?: Reply): void => {
        if (error === null) {
          this.#reached = true;
          resolve(reply as Reply);
        } else {
          reject(this.failure(error));
        }
      };
      const { path, requestSerialize, responseDeserialize } = method;
      this.#channel.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        options,
        answer,
      );
    });
  }

  /** The same failure, with whose port it is where that can be found out. */
  async #withOwner(failure: FlameError): Promise<FlameError> {
    const { code } = failure;
    const owner =
      code === "unimplemented" ? await this.#grpcOwner() : await webServerAt(this.#endpoint);
    if (owner === undefined) return failure;
    const text = `failed to connect to ${this.#endpoint.url}: ${owner}, not the one that a session manager has for clients`;
    return new FlameError("invalid_config", text, { cause: failure });
  }

  /** Which part of Flame serves here; our daemons say so by their health. */
  async #grpcOwner(): Promise<string | undefined> {
    for (const [service, owner] of portOwners) {
      const call = this.#once(HealthService.check, { service }, {}, PROBE_MS);
      if (await call.then(Boolean, () => false)) return owner;
    }
    return undefined;
  }

  /**
   * One call, many replies; leaving the loop cancels the call. Has no deadline, as a watch may be silent for
   * hours, and so does not wait for a connection either.
   * @param isLast true for a reply after which the server ends the stream: leaving the loop there cancels
   *   nothing, since a server may well cut off a client that resets thousands of streams.
   * @param signal ends the call from outside the loop, which then throws unavailable
   * @throws FlameError as {@link unary} does.
   */
  async *stream<Request, Reply>(
    method: MethodDefinition<Request, Reply>,
    request: Request,
    isLast: (reply: Reply) => boolean = () => false,
    signal?: AbortSignal,
  ): AsyncGenerator<Reply, void, void> {
    const { path, requestSerialize, responseDeserialize } = method;
    const call = this.#channel.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      this.#metadata({ waitForReady: false }, { [requestIdKey]: randomId() }),
    );
    const replies = new ReplyQueue<Reply>(call);
    const cancel = (): void => call.cancel();
    signal?.addEventListener("abort", cancel);
    const isFirst = !this.#reached;
    let last = false;
    try {
      for (;;) {
        const reply = await replies.next();
        this.#reached = true;
        if (reply === undefined) return;
        last = isLast(reply);
        yield reply;
      }
    } catch (error) {
      const failure = this.failure(error as ServiceError);
      throw isFirst && mayBeWrongPort(failure, path) ? await this.#withOwner(failure) : failure;
    } finally {
      signal?.removeEventListener("abort", cancel);
      if (last) replies.expectEnd(this.#clock);
      else call.cancel();
    }
  }

  /**
   * Messages both ways. Has no deadline and waits for no connection, as {@link stream}; what it fails with goes through
   * {@link failure}.
   */
  duplex<Request, Reply>(
    method: Pick<
      MethodDefinition<Request, Reply>,
      "path" | "requestSerialize" | "responseDeserialize"
    >,
  ): ClientDuplexStream<Request, Reply> {
    const { path, requestSerialize, responseDeserialize } = method;
    const metadata = this.#metadata({ waitForReady: false }, { [requestIdKey]: randomId() });
    const call = this.#channel.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      metadata,
    );
    return call.once("metadata", () => {
      this.#reached = true;
    });
  }

  /** Calls `action` once, when the present connection is gone; at once when there is none. */
  onceDisconnected(action: () => void): void {
    const channel = this.#channel.getChannel();
    const { READY } = connectivityState;
    if (channel.getConnectivityState(false) !== READY) action();
    else channel.watchConnectivityState(READY, Number.POSITIVE_INFINITY, () => action());
  }

  /** Calls that are open now do not keep the process alive. */
  holdNoProcess(): void {
    holdNoProcess(this.#channel);
  }

  close(): void {
    this.#isClosed = true;
    this.#channel.close();
  }

  /** Of a call that begins now. @throws FlameError unavailable after a close */
  #metadata(options: { waitForReady: boolean }, more: Readonly<Record<string, string>>): Metadata {
    // The library would throw an error of its own.
    if (this.#isClosed) throw closedError();
    const metadata = new Metadata(options);
    metadata.set(receiveMaxKey, String(receiveBytesMax));
    metadata.set(clientIdKey, this.#id);
    for (const [key, value] of Object.entries(more)) metadata.set(key, value);
    return metadata;
  }

  /** What a call failed with. */
  failure(error: ServiceError): FlameError {
    const failure = fromRpcError(error, this.#endpoint.host);
    if (failure.code !== "unavailable") {
      this.#reached = true;
      return failure;
    }
    if (this.#reached) return failure;
    const text = connectFailureText(this.#endpoint, failure.message);
    return new FlameError("invalid_config", text, { cause: error });
  }
}
