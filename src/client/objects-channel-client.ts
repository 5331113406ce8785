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

  get(ticket: string): ClientReadableStream<Buffer> {
    const { path, requestSerialize, responseDeserialize } = flight.doGet;
    const request = Ticket.fromPartial({ ticket: Buffer.from(ticket) });
    return this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      named(new Metadata()),
      this.#options(),
    );
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
    this.#client.close();
  }

  #options(): { deadline: number } {
    return { deadline: this.#clock.now() + this.#callTimeoutMs };
  }
}
