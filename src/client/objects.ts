import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { Metadata } from "@grpc/grpc-js";
import type { ClientCredentials } from "../config/client-credentials.ts";
import type { Endpoint } from "../config/endpoint.ts";
import { renameDurably } from "../files/durable.ts";
import { type Clock, systemClock } from "../kit/clock.ts";
import { FlameError } from "../model/errors.ts";
import { decompressed } from "../protocol/flight/decompress-batch.ts";
import { DELETE_MANY_ACTION } from "../protocol/flight/flight-actions.ts";
import { decodeFlightData } from "../protocol/flight/flight-data.ts";
import { durableKey, expectedVersionKey, shareKey } from "../protocol/flight/flight-definition.ts";
import { readIpcMessage } from "../protocol/flight/ipc-message.ts";
import { decodeListing } from "../protocol/flight/listing.ts";
import { decodeObjectRef, type ObjectRef } from "../protocol/flight/object-ref.ts";
import { type OpaqueRow, opaqueBytesMax, responseRows } from "../protocol/flight/opaque-rows.ts";
import { sharedBytesMin } from "../protocol/flight/shared-file.ts";
import { isTableSchema } from "../protocol/flight/table-schema.ts";
import {
  FlightDescriptor_DescriptorType as DescriptorType,
  FlightDescriptor,
} from "../protocol/generated/arrow/flight/flight.ts";
import { smallCallBytesMax } from "../protocol/small-calls.ts";
import { collect, sendPut } from "./objects-calls.ts";
import {
  cacheEndpoint,
  ObjectChannel,
  type ObjectChannelOptions,
} from "./objects-channel-client.ts";
import type {
  ObjectChange,
  ObjectChangeOptions,
  ObjectListing,
  Objects,
  PutOptions,
} from "./objects-types.ts";
import { fileMessages, pathDescriptor, putMessages } from "./put-messages.ts";
import { isFileRefused, NotShared, type SharedObjects } from "./shared-objects.ts";

export type { ObjectRef } from "../protocol/flight/object-ref.ts";
export { decodeObjectRef, encodeObjectRef } from "../protocol/flight/object-ref.ts";
export { opaqueBytesMax as objectBytesMax } from "../protocol/flight/opaque-rows.ts";

export interface ObjectClientOptions extends ClientCredentials {
  /** Where puts without a reference and deletes go. @default grpc://127.0.0.1:9090 */
  readonly endpoint?: string;
  /** How long one call may take, in milliseconds. @default 300,000 */
  readonly callTimeoutMs?: number;
  /** @default the machine's clock */
  readonly clock?: Clock;
}

type FullObject = Extract<ObjectChange, { readonly kind: "full" }>;

const ENDPOINT_DEFAULT = "grpc://127.0.0.1:9090";
const CALL_TIMEOUT_MS_DEFAULT = 300_000;
/** Deletions under way at once at a cache that takes one a call. */
const callsAtOnce = 4;
const UPLOAD_CHUNK_BYTES = 1024 * 1024;
/** `<app>/<session>`: the cache makes up the object's id. */
const isPutPrefix = /^[^/]+\/[^/]+$/;

/**
 * A client of the object cache (docs/object-cache.md) for objects of bytes. References say which cache to dial, so
 * one client reaches several; close it when done.
 */
export class ObjectClient implements Objects {
  readonly #deps: { clock: Clock };
  readonly #endpoint: string;
  readonly #options: ObjectChannelOptions;
  readonly #channels = new Map<string, ObjectChannel>();

  constructor(options: ObjectClientOptions = {}) {
    this.#deps = { clock: options.clock ?? systemClock };
    this.#endpoint = options.endpoint ?? ENDPOINT_DEFAULT;
    this.#options = {
      ...options,
      callTimeoutMs: options.callTimeoutMs ?? CALL_TIMEOUT_MS_DEFAULT,
    };
  }

  async put(keyOrPrefix: string, data: Uint8Array, options?: PutOptions): Promise<ObjectRef> {
    const bytes = asBuffer(data);
    const small = await this.#putSmall(keyOrPrefix, bytes, options);
    if (small !== undefined) return small;
    return await this.#putBytes(this.#endpoint, pathDescriptor(keyOrPrefix), bytes, options);
  }

  update(ref: ObjectRef, data: Uint8Array, options?: PutOptions): Promise<ObjectRef> {
    return this.#putBytes(ref.endpoint, pathDescriptor(ref.key), asBuffer(data), options);
  }

  patch(ref: ObjectRef, data: Uint8Array, options?: ObjectChangeOptions): Promise<ObjectRef> {
    const descriptor = FlightDescriptor.fromPartial({
      type: DescriptorType.CMD,
      cmd: Buffer.from(`PATCH:${ref.key}`),
    });
    return this.#putBytes(ref.endpoint, descriptor, asBuffer(data), options);
  }

  async get(ref: ObjectRef): Promise<Buffer> {
    return (await this.#getFull(ref)).data;
  }

  async fetch(ref: ObjectRef, knownVersion: number): Promise<ObjectChange> {
    const small = await this.#fetchSmall(ref, knownVersion);
    if (small !== undefined) return small;
    const channel = this.#channel(ref.endpoint);
    const ticket = `${ref.key}:${knownVersion}`;
    const shared = await this.#sharedOf(ref.endpoint);
    if (shared !== undefined) {
      try {
        const metadata = proving(shared);
        const messages = await collect(channel.get(ticket, metadata), channel.host);
        return await changeOf(ref.key, messages, (description) => shared.read(description));
      } catch (thrown) {
        if (!(thrown instanceof NotShared)) throw thrown;
        // Replaced or deleted since it was named, or another cache's by now.
        channel.forgetShared();
      }
    }
    return await changeOf(ref.key, await collect(channel.get(ticket), channel.host), undefined);
  }

  upload(keyOrPrefix: string, file: string, options?: PutOptions): Promise<ObjectRef> {
    const chunks = createReadStream(file, { highWaterMark: UPLOAD_CHUNK_BYTES });
    return this.#put(
      this.#endpoint,
      pathDescriptor(keyOrPrefix),
      chunks as AsyncIterable<Buffer>,
      options,
    );
  }

  async download(ref: ObjectRef, file: string): Promise<void> {
    const { data, patches } = await this.#getFull(ref);
    if (patches.length > 0) {
      throw new FlameError(
        "invalid_argument",
        `the object "${ref.key}" has ${patches.length} patches, expected none: its base alone is not all of it; put it anew`,
      );
    }
    const temporary = `${file}.${randomUUID()}.part`;
    try {
      await writeFile(temporary, data);
      await renameDurably(temporary, file);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async delete(target: string): Promise<void> {
    const channel = this.#channel(this.#endpoint);
    await collect(channel.action("DELETE", target), channel.host);
  }

  async deleteMany(targets: readonly string[]): Promise<void> {
    const channel = this.#channel(this.#endpoint);
    try {
      await collect(channel.action(DELETE_MANY_ACTION, JSON.stringify(targets)), channel.host);
      return;
    } catch (thrown) {
      if (!isNotServed(thrown)) throw thrown;
    }
    const left = [...targets];
    const deleteSome = async (): Promise<void> => {
      for (let target = left.pop(); target !== undefined; target = left.pop()) {
        await this.delete(target).catch((thrown: unknown) => {
          if (isNotServed(thrown)) return;
          // The others need not try.
          left.length = 0;
          throw thrown;
        });
      }
    };
    await Promise.all(Array.from({ length: callsAtOnce }, deleteSome));
  }

  async list(): Promise<ObjectListing[]> {
    const channel = this.#channel(this.#endpoint);
    const infos = await collect(channel.list(), channel.host);
    return infos.map(({ flightDescriptor, totalBytes, appMetadata }) => ({
      key: flightDescriptor?.path[0] ?? "",
      bytes: Number(totalBytes),
      idleMs: decodeListing(appMetadata)?.idleMs,
    }));
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  async #getFull(ref: ObjectRef): Promise<FullObject> {
    const change = await this.fetch(ref, 0);
    if (change.kind === "full") return change;
    throw new FlameError("internal", `the object cache answered a full get with "${change.kind}"`);
  }

  /** On the socket of the cache of this host; undefined where a call has to do it. */
  async #putSmall(
    prefix: string,
    data: Buffer,
    { expectedVersion, durable = true }: PutOptions = {},
  ): Promise<ObjectRef | undefined> {
    const isSmall = data.length <= smallCallBytesMax && isPutPrefix.test(prefix);
    if (!isSmall || expectedVersion !== undefined) return undefined;
    return await (await this.#channel(this.#endpoint).small())?.put(prefix, data, durable);
  }

  async #fetchSmall(ref: ObjectRef, knownVersion: number): Promise<ObjectChange | undefined> {
    const small = this.#isOurs(ref.endpoint)
      ? await this.#channel(ref.endpoint).small()
      : undefined;
    return await small?.fetch(ref.key, knownVersion);
  }

  /** Through a file where the cache takes one, else as messages. */
  async #putBytes(
    endpoint: string,
    descriptor: FlightDescriptor,
    data: Buffer,
    options: PutOptions = {},
  ): Promise<ObjectRef> {
    const large = data.length >= sharedBytesMin && data.length <= opaqueBytesMax;
    const shared = large ? await this.#sharedOf(endpoint) : undefined;
    if (shared !== undefined) {
      try {
        return await shared.put(data, (descriptions) =>
          this.#send(endpoint, fileMessages(descriptor, descriptions), options, proving(shared)),
        );
      } catch (thrown) {
        if (!(thrown instanceof NotShared || isFileRefused(thrown))) throw thrown;
        this.#channel(endpoint).forgetShared();
      }
    }
    return await this.#put(endpoint, descriptor, [data], options);
  }

  async #put(
    endpoint: string,
    descriptor: FlightDescriptor,
    chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
    options: PutOptions = {},
  ): Promise<ObjectRef> {
    return await this.#send(endpoint, putMessages(descriptor, chunks), options, new Metadata());
  }

  async #send(
    endpoint: string,
    messages: AsyncIterable<Buffer> | Iterable<Buffer>,
    { expectedVersion, durable = true }: PutOptions,
    metadata: Metadata,
  ): Promise<ObjectRef> {
    if (!durable) metadata.set(durableKey, "false");
    if (expectedVersion !== undefined) metadata.set(expectedVersionKey, String(expectedVersion));
    const channel = this.#channel(endpoint);
    const result = await sendPut(channel.put(metadata), messages, channel.host);
    return decodeObjectRef(result.appMetadata);
  }

  /** The folder of the configured cache alone: a reference may name any server, which learns nothing of this host. */
  async #sharedOf(endpoint: string): Promise<SharedObjects | undefined> {
    return this.#isOurs(endpoint) ? await this.#channel(endpoint).shared() : undefined;
  }

  #isOurs(endpoint: string): boolean {
    return (
      endpoint === this.#endpoint ||
      cacheEndpoint(endpoint).url === cacheEndpoint(this.#endpoint).url
    );
  }

  #channel(endpoint: string): ObjectChannel {
    const known = this.#channels.get(endpoint);
    if (known !== undefined) return known;
    const parsed = cacheEndpoint(endpoint);
    const channel = new ObjectChannel(this.#deps, parsed, this.#optionsFor(parsed));
    this.#channels.set(endpoint, channel);
    return channel;
  }

  /** A reference may name any server: the token goes to the configured one, or to one that our own authority vouches for. */
  #optionsFor(endpoint: Endpoint): ObjectChannelOptions {
    const ours = endpoint.url === cacheEndpoint(this.#endpoint).url;
    const trusted = endpoint.secure && this.#options.caFile !== undefined;
    return ours || trusted ? this.#options : { ...this.#options, tokenFile: undefined };
  }
}

/** Published caches answer an action that they do not know as they do a bad key. */
function isNotServed(thrown: unknown): boolean {
  const { code } = FlameError.from(thrown);
  return code === "invalid_argument" || code === "unimplemented";
}

function proving({ proof }: SharedObjects): Metadata {
  const metadata = new Metadata();
  metadata.set(shareKey, proof);
  return metadata;
}

/** @param readFile reads the bytes of a row from the file that stands in their place; undefined: none was asked for */
async function changeOf(
  key: string,
  messages: readonly Buffer[],
  readFile: ((description: Buffer) => Promise<Buffer>) | undefined,
): Promise<ObjectChange> {
  const rows: OpaqueRow[] = [];
  for (const bytes of messages) {
    const { header, body, appMetadata } = decodeFlightData(bytes);
    const message = readIpcMessage(header);
    if (message.kind === "schema" && isTableSchema(message)) {
      throw new FlameError(
        "invalid_argument",
        `the object "${key}" is an Arrow table; this client reads objects of bytes: use the Python SDK for it`,
      );
    }
    if (message.kind !== "batch") continue;
    const plain = await decompressed(message, body);
    const found = responseRows(plain.message, plain.body);
    if (readFile === undefined || appMetadata.length === 0) rows.push(...found);
    else for (const row of found) rows.push({ ...row, data: await readFile(appMetadata) });
  }
  const version = Math.max(0, ...rows.map((row) => row.version));
  const [first] = rows;
  if (first === undefined) return { kind: "unchanged" };
  const patches = rows.filter(({ kind }) => kind === "patch");
  if (first.kind === "patch") return { kind: "patches", version, patches };
  return { kind: "full", version, data: first.data, patches };
}

/** @throws FlameError invalid_argument for what no compiler has read, such as a text */
function asBuffer(data: Uint8Array): Buffer {
  const given: unknown = data;
  if (!(given instanceof Uint8Array))
    throw new FlameError(
      "invalid_argument",
      `the object: got ${given === null ? "null" : typeof given}, expected bytes (a Uint8Array, such as Buffer.from(text))`,
    );
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
