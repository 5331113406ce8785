import { FlameError } from "../../model/errors.ts";
import type { ArrowField, IpcMessage } from "./ipc-message.ts";
import { requestRowHeader, responseRowHeader } from "./opaque-headers.ts";

/**
 * Objects that the cache does not look into travel as rows with a binary column `data`
 * (docs/object-cache.md, section 2): requests have the columns `version, data`, responses `version, kind, data`.
 */

/**
 * Largest object. A cell has signed 32-bit offsets, and the message around it must stay below 2^31 bytes too: pyarrow
 * takes a longer one for the end of the stream, without a word. Unit: bytes.
 */
export const opaqueBytesMax = 2 ** 31 - 4096;

/** What a row of a response is: the object, or one of the patches on top of it. */
export type RowKind = "base" | "patch";

/** One row of a response. */
export interface OpaqueRow {
  readonly version: number;
  readonly kind: RowKind;
  readonly data: Buffer;
}

/** An IPC message whose body is filled by the caller: `data` is the place of the object's bytes in `body`. */
export interface FramedRow {
  readonly header: Buffer;
  readonly bodyBytes: number;
  /** What comes before the data in the body. */
  readonly head: Buffer;
  /** Zeros after the data. */
  readonly tailBytes: number;
  /** Where the data begins in the body. */
  readonly dataOffset: number;
  /** Writes everything of the body but the data. */
  writeAround(body: Buffer): void;
}

const TYPE_INT = 2;
const TYPE_BINARY = 4;

/** Bytes rounded up to the 8 that Arrow aligns buffers to. */
function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** One row of a request: version 0 (the server counts) and the bytes. */
export function frameRequestRow(dataBytes: number): FramedRow {
  const dataOffset = 16;
  const bodyBytes = dataOffset + padded(dataBytes);
  const header = Buffer.from(requestRowHeader);
  header.writeBigInt64LE(BigInt(bodyBytes), 32);
  header.writeBigInt64LE(BigInt(dataBytes), 152);
  const head = Buffer.alloc(dataOffset);
  head.writeInt32LE(dataBytes, 12);
  return framedRow(header, head, dataBytes);
}

/** One row of a response. */
export function frameResponseRow(version: number, kind: RowKind, dataBytes: number): FramedRow {
  const dataOffset = 32;
  const bodyBytes = dataOffset + padded(dataBytes);
  const header = Buffer.from(responseRowHeader);
  header.writeBigInt64LE(BigInt(bodyBytes), 32);
  header.writeBigInt64LE(BigInt(kind.length), 152);
  header.writeBigInt64LE(BigInt(dataBytes), 200);
  const head = Buffer.alloc(dataOffset);
  head.writeBigUInt64LE(BigInt(version), 0);
  head.writeInt32LE(kind.length, 12);
  head.write(kind, 16, "latin1");
  head.writeInt32LE(dataBytes, 28);
  return framedRow(header, head, dataBytes);
}

function framedRow(header: Buffer, head: Buffer, dataBytes: number): FramedRow {
  const bodyBytes = head.length + padded(dataBytes);
  return {
    header,
    bodyBytes,
    head,
    tailBytes: bodyBytes - head.length - dataBytes,
    dataOffset: head.length,
    writeAround: (body) => {
      head.copy(body);
      body.fill(0, head.length + dataBytes);
    },
  };
}

/**
 * Accepts a request schema by position: column 0 uint64, column 1 binary with 32-bit offsets; names do not count.
 * @throws FlameError internal naming the columns that came.
 */
export function checkRequestSchema(fields: readonly ArrowField[]): void {
  const [version, data] = fields;
  const versionIsRight =
    version?.typeCode === TYPE_INT && version.bitWidth === 64 && !version.signed;
  if (versionIsRight && data?.typeCode === TYPE_BINARY) return;
  const got = fields.slice(0, 4).map((field) => `${field.name}: ${typeName(field)}`);
  throw new FlameError(
    "internal",
    `wrong columns in the schema: expected version: uint64, data: binary, got ${got.join(", ") || "none"}`,
  );
}

/**
 * The bytes of the `data` cells of a request batch, one after the other: a view of `body`, not a copy.
 * @throws FlameError internal when the batch does not fit its own description, invalid_argument when it is compressed.
 */
export function requestData(message: IpcMessage & { kind: "batch" }, body: Buffer): Buffer {
  return cells(message, body, REQUEST_DATA_BUFFER);
}

/**
 * The rows of a response batch; `data` are views of `body`.
 * @throws FlameError as {@link requestData}.
 */
export function responseRows(message: IpcMessage & { kind: "batch" }, body: Buffer): OpaqueRow[] {
  refuseCompressed(message);
  const versions = bufferOf(message, body, 1);
  const kinds = cellsOf(message, body, RESPONSE_KIND_BUFFER);
  const data = cellsOf(message, body, RESPONSE_DATA_BUFFER);
  return data.map((bytes, row) => {
    const kind = kinds[row]?.toString("latin1");
    if (kind !== "base" && kind !== "patch") {
      throw unreadable(`row ${row} has the unknown kind ${JSON.stringify(kind)}`);
    }
    return { version: readVersion(versions, row), kind, data: bytes };
  });
}

// Buffers of a batch in order: validity and values of `version`, then validity, offsets and values of each column.
const REQUEST_DATA_BUFFER = 3;
const RESPONSE_KIND_BUFFER = 3;
const RESPONSE_DATA_BUFFER = 6;

type Batch = IpcMessage & { kind: "batch" };

function cells(message: Batch, body: Buffer, offsetsIndex: number): Buffer {
  refuseCompressed(message);
  if (message.rows === 0) return body.subarray(0, 0);
  const offsets = bufferOf(message, body, offsetsIndex);
  const values = bufferOf(message, body, offsetsIndex + 1);
  return slice(values, readOffset(offsets, 0), readOffset(offsets, message.rows));
}

function cellsOf(message: Batch, body: Buffer, offsetsIndex: number): Buffer[] {
  if (message.rows === 0) return [];
  const offsets = bufferOf(message, body, offsetsIndex);
  const values = bufferOf(message, body, offsetsIndex + 1);
  // The last offset is read first: a row count that the body does not hold fails before anything is allocated.
  readOffset(offsets, message.rows);
  return Array.from({ length: message.rows }, (_, row) =>
    slice(values, readOffset(offsets, row), readOffset(offsets, row + 1)),
  );
}

function refuseCompressed(message: Batch): void {
  if (message.compression === "none") return;
  throw new FlameError(
    "invalid_argument",
    "compressed record batches are not supported here: send the batches uncompressed",
  );
}

function bufferOf(message: Batch, body: Buffer, index: number): Buffer {
  const place = message.buffers[index];
  if (place === undefined) {
    throw unreadable(`buffer ${index} is missing, it describes ${message.buffers.length}`);
  }
  const [offset, length] = place;
  if (offset + length > body.length) {
    throw unreadable(`buffer ${index} ends at byte ${offset + length} of ${body.length}`);
  }
  return body.subarray(offset, offset + length);
}

function readOffset(offsets: Buffer, row: number): number {
  if (4 * row + 4 > offsets.length) {
    throw unreadable(`row ${row} has no offset in ${offsets.length} bytes of offsets`);
  }
  return offsets.readInt32LE(4 * row);
}

function readVersion(versions: Buffer, row: number): number {
  if (8 * row + 8 > versions.length) throw unreadable(`row ${row} has no version`);
  return Number(versions.readBigUInt64LE(8 * row));
}

function slice(values: Buffer, start: number, end: number): Buffer {
  if (start < 0 || end < start || end > values.length) {
    throw unreadable(`a cell lies at bytes ${start} to ${end} of ${values.length}`);
  }
  return values.subarray(start, end);
}

function typeName(field: ArrowField): string {
  if (field.typeCode === TYPE_INT) return `${field.signed ? "int" : "uint"}${field.bitWidth}`;
  return TYPE_NAMES[field.typeCode] ?? `Arrow type ${field.typeCode}`;
}

const TYPE_NAMES: Readonly<Record<number, string>> = {
  3: "float",
  4: "binary",
  5: "utf8",
  6: "bool",
  19: "large_binary",
  20: "large_utf8",
};

function unreadable(why: string): FlameError {
  return new FlameError("internal", `unreadable record batch: ${why}`);
}
