import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
} from "@grpc/grpc-js";
import type { ClientCredentials } from "../config/client-credentials.ts";
import { type Endpoint, endpointOf, hostText, parseEndpoint } from "../config/endpoint.ts";
import type { Clock } from "../kit/clock.ts";
import { randomId } from "../kit/ids.ts";
import { FlameError } from "../model/errors.ts";
import { SHARE_ACTION } from "../protocol/flight/flight-actions.ts";
import { flightDefinition as flight } from "../protocol/flight/flight-definition.ts";
import {
  Action,
  type FlightInfo,
  type PutResult,
  type Result,
  Ticket,
} from "../protocol/generated/arrow/flight/flight.ts";
import { requestIdKey } from "../protocol/request-id.ts";
import { channelCredentials, clientOptions } from "./channel-options.ts";
import { collect } from "./objects-calls.ts";
import { SharedObjects } from "./shared-objects.ts";
import type { SmallCalls, SmallPatience } from "./small-calls.ts";

export interface ObjectChannelOptions extends ClientCredentials {
  /** How long one put, get or delete may take, in milliseconds. */
  readonly callTimeoutMs: number;
}

/** With an id of the call's own, which the cache's log names. */
function named(metadata: Metadata): Metadata {
  metadata.set(requestIdKey, randomId());
  return metadata;
}

/** Port of a cache whose endpoint names none. */
const CACHE_PORT_DEFAULT = 9090;

/**
 * Parses the endpoint of a cache: `grpc://`, `grpcs://`, or `grpc+tls://` as object references write it.
 * @throws FlameError invalid_config for anything else.
 */
export function cacheEndpoint(text: string): Endpoint {
  const schemes = ["grpc", "grpcs", "grpc+tls"];
  const { scheme, host, port } = parseEndpoint(text, schemes, CACHE_PORT_DEFAULT);
  return endpointOf(scheme === "grpc" ? "grpc" : "grpcs", host, port);
}

/** The Flight calls to one object cache. */
export class ObjectChannel {
  readonly #clock: Clock;
  readonly #callTimeoutMs: number;
  readonly #client: Client;
  #shared: Promise<SharedObjects | undefined> | undefined;
  readonly host: string;

  constructor(deps: { clock: Clock }, endpoint: Endpoint, options: ObjectChannelOptions) {
    this.#clock = deps.clock;
    this.#callTimeoutMs = options.callTimeoutMs;
    this.host = endpoint.host;
    this.#client = new Client(
      `${hostText(endpoint.host)}:${endpoint.port}`,
      channelCredentials(endpoint, options),
      // An object is one message, whatever its size.
      { ...clientOptions(endpoint, options), "grpc.max_receive_message_length": -1 },
    );
  }

  put(metadata: Metadata): ClientDuplexStream<Buffer, PutResult> {
    const { path, requestSerialize, responseDeserialize } = flight.doPut;
    return this.#client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      named(metadata),
      this.#options(),
    );
  }

  get(ticket: string, metadata = new Metadata()): ClientReadableStream<Buffer> {
    const { path, requestSerialize, responseDeserialize } = flight.doGet;
    const request = Ticket.fromPartial({ ticket: Buffer.from(ticket) });
    return this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      named(metadata),
      this.#options(),
    );
  }

  /**
   * The folder of the cache, when it is one of this host and user; asked for once.
   * @throws FlameError unavailable: the cache is not up, and says nothing of its folder.
   */
  async shared(): Promise<SharedObjects | undefined> {
    if (this.#shared === undefined) {
      const asked = this.#askShared();
      this.#shared = asked;
      // Asked again the next time.
      asked.catch(() => this.forgetShared());
    }
    return await this.#shared;
  }

  /** Asks anew the next time: the cache may have been started again. What is under way goes on. */
  forgetShared(): void {
    this.#shared?.then((shared) => shared?.small?.close()).catch(() => undefined);
    this.#shared = undefined;
  }

  /** The socket for small objects of a cache of this host and user. @throws FlameError as {@link shared} does. */
  async small(): Promise<SmallCalls | undefined> {
    const small = (await this.shared())?.small;
    if (small?.isEnded !== true) return small;
    this.forgetShared();
    return (await this.shared())?.small;
  }

  async #askShared(): Promise<SharedObjects | undefined> {
    try {
      const [answer] = await collect(this.action(SHARE_ACTION, ""), this.host);
      return answer === undefined
        ? undefined
        : await SharedObjects.open(answer.body, this.#patience());
    } catch (thrown) {
      // Other caches do not know the action.
      if (FlameError.from(thrown).code === "unavailable") throw thrown;
      return undefined;
    }
  }

  action(type: string, body: string): ClientReadableStream<Result> {
    const { path, requestSerialize, responseDeserialize } = flight.doAction;
    const request = Action.fromPartial({ type, body: Buffer.from(body) });
    return this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      named(new Metadata()),
      this.#options(),
    );
  }

  list(): ClientReadableStream<FlightInfo> {
    const { path, requestSerialize, responseDeserialize } = flight.listFlights;
    return this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { expression: Buffer.alloc(0) },
      named(new Metadata()),
      this.#options(),
    );
  }

  close(): void {
    this.forgetShared();
    this.#client.close();
  }

  #patience(): SmallPatience {
    return { clock: this.#clock, callTimeoutMs: this.#callTimeoutMs, host: this.host };
  }

  #options(): { deadline: number } {
    return { deadline: this.#clock.now() + this.#callTimeoutMs };
  }
}
