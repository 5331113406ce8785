import { FlameError } from "../model/errors.ts";
import type { FlightData } from "../protocol/flight/flight-data.ts";
import { batchesKey } from "../protocol/flight/flight-definition.ts";
import { readIpcMessage } from "../protocol/flight/ipc-message.ts";
import { checkRequestSchema, opaqueBytesMax, requestData } from "../protocol/flight/opaque-rows.ts";
import type { SharedFile } from "../protocol/flight/shared-file.ts";
import { isTableSchema } from "../protocol/flight/table-schema.ts";
import { keptBytesMax } from "./large-buffers.ts";
import type { ObjectCache } from "./object-cache.ts";
import { type ObjectKey, quoted } from "./object-key.ts";
import type { PieceFormat, PieceWriter } from "./object-store.ts";
import type { PutTarget } from "./put-target.ts";
import { readSharedFile } from "./shared-folder.ts";
import { appendFrame } from "./table-frames.ts";

/** What a stream of FlightData becomes. */
interface Reception {
  readonly target: PutTarget;
  readonly format: PieceFormat;
  readonly writer: PieceWriter;
  batches: number;
  rows: number;
  /** The bytes of the only chunk so far, when they may be kept in memory. */
  onlyChunk: Buffer | undefined;
}

/** What a client says of its put beforehand, as far as it does. */
export interface Expected {
  /** The version that the object has now. */
  readonly version: number | undefined;
  /** How many record batches come. */
  readonly batches: number | undefined;
}

export interface PutReceiverDeps {
  readonly cache: ObjectCache;
  readonly readTarget: (descriptor: Buffer) => PutTarget;
  /** Copies a file that the client names instead of sending bytes; undefined for clients that have not the shared folder. */
  readonly takeShared?: ((said: SharedFile, writer: PieceWriter) => Promise<void>) | undefined;
}

/** Receives one DoPut message by message, straight into the store: memory holds one message at a time. */
export class PutReceiver {
  readonly #cache: ObjectCache;
  readonly #readTarget: (descriptor: Buffer) => PutTarget;
  readonly #expected: Expected;
  readonly #takeShared: PutReceiverDeps["takeShared"];
  #reception: Reception | undefined;

  constructor(deps: PutReceiverDeps, expected: Expected) {
    this.#takeShared = deps.takeShared;
    this.#cache = deps.cache;
    this.#readTarget = deps.readTarget;
    this.#expected = expected;
  }

  /** @throws FlameError as docs/object-cache.md, section 5, says; the receiver must then be aborted. */
  async accept(message: FlightData): Promise<void> {
    if (this.#reception === undefined) {
      this.#reception = this.#begin(message);
      if (this.#reception.format === "table") {
        await appendFrame(this.#reception.writer, message.header, message.body);
      }
      return;
    }
    // A message with metadata only is allowed anywhere in Flight.
    if (message.header.length === 0 && message.body.length === 0) return;
    if (this.#reception.format === "table") await acceptFrame(this.#reception, message);
    else if (this.#takeShared !== undefined && message.appMetadata.length > 0) {
      const said = readSharedFile(message.appMetadata);
      countRows(this.#reception, 1, said.size);
      await this.#takeShared(said, this.#reception.writer);
    } else await acceptRows(this.#reception, message);
  }

  /** Ends the stream. @returns the key and the version of the object. */
  async finish(): Promise<{ readonly key: ObjectKey; readonly version: number }> {
    const reception = this.#reception;
    if (reception === undefined) throw noData("the stream ended before its first message");
    const { target, format, writer } = reception;
    if (format === "opaque" && reception.batches === 0) throw noData("no record batch came");
    if (format === "opaque" && reception.rows === 0) throw noData("the record batches have no row");
    const { batches = reception.batches, version: expectedVersion } = this.#expected;
    if (reception.batches !== batches) throw brokenOff(reception.batches, batches);
    const draft = { ...target, format, expectedVersion };
    const version = await this.#cache.commit(draft, writer, reception.onlyChunk);
    return { key: target.key, version };
  }

  /** Gives back what was received. Idempotent; harmless after `finish`. */
  async abort(): Promise<void> {
    await this.#reception?.writer.abort();
  }

  #begin(message: FlightData): Reception {
    const target = this.#readTarget(message.descriptor ?? Buffer.alloc(0));
    const schema = readIpcMessage(message.header);
    if (schema.kind !== "schema") {
      throw new FlameError(
        "internal",
        `the first message of a put must carry the Arrow schema, got a ${schema.kind} message`,
      );
    }
    const format: PieceFormat = isTableSchema(schema) ? "table" : "opaque";
    if (format === "opaque") checkRequestSchema(schema.fields);
    if (target.operation === "patch") this.#checkPatch(target.key, format);
    const writer = this.#cache.createWriter(target.durable);
    return { target, format, writer, batches: 0, rows: 0, onlyChunk: undefined };
  }

  #checkPatch(key: ObjectKey, format: PieceFormat): void {
    if (format === "table") {
      throw new FlameError(
        "invalid_argument",
        `a patch of ${quoted(key.text)} came as an Arrow table; expected the columns version: uint64, data: binary`,
      );
    }
    this.#cache.checkPatchable(key);
  }
}

async function acceptRows(reception: Reception, { header, body }: FlightData): Promise<void> {
  const message = readIpcMessage(header);
  if (message.kind !== "batch") {
    throw new FlameError("internal", `expected a record batch, got a ${message.kind} message`);
  }
  const data = requestData(message, body);
  countRows(reception, message.rows, data.length);
  // A larger chunk is not kept in memory, and belongs to the writer from now on.
  const isOnlyChunk = reception.batches === 1 && data.length <= keptBytesMax;
  reception.onlyChunk = isOnlyChunk ? data : undefined;
  await reception.writer.append(data);
}

/** @throws FlameError invalid_argument when the object becomes larger than one may be. */
function countRows(reception: Reception, rows: number, bytes: number): void {
  const size = reception.writer.size + bytes;
  if (size > opaqueBytesMax) {
    throw new FlameError(
      "invalid_argument",
      `the object ${quoted(reception.target.key.text)} has ${size} bytes or more; at most ${opaqueBytesMax} (2^31 - 4096) ` +
        "fit into one object: split it, or store it as an Arrow table",
    );
  }
  reception.batches += 1;
  reception.rows += rows;
  reception.onlyChunk = undefined;
}

async function acceptFrame(reception: Reception, { header, body }: FlightData): Promise<void> {
  const message = readIpcMessage(header);
  if (message.kind !== "batch" && message.kind !== "dictionary") {
    throw new FlameError("internal", `expected a record batch, got a ${message.kind} message`);
  }
  if (message.kind === "batch") reception.batches += 1;
  await appendFrame(reception.writer, header, body);
}

/** A client that fails while it makes an object may end its stream as if it were whole: pyarrow does. */
function brokenOff(got: number, expected: number): FlameError {
  return new FlameError(
    "invalid_argument",
    `the put was broken off: ${got} record batches came, ${batchesKey} said ${expected}; nothing was stored, put it again`,
  );
}

function noData(why: string): FlameError {
  return new FlameError(
    "invalid_argument",
    `nothing to store: ${why}; an object has at least one row`,
  );
}
