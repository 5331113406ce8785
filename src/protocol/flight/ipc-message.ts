import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import { FlatTable } from "./flat-table.ts";

/** One field of an Arrow schema, as far as the object cache looks at it. */
export interface ArrowField {
  readonly name: string;
  /** Arrow's `Type` union: 2 Int, 4 Binary, 5 Utf8, ... */
  readonly typeCode: number;
  /** Only for Int. */
  readonly bitWidth: number;
  readonly signed: boolean;
}

/** An Arrow IPC message header: the bare flatbuffer that Flight carries as `data_header`. */
export type IpcMessage =
  | {
      readonly kind: "schema";
      readonly fields: readonly ArrowField[];
      /** The schema's own metadata, undecoded. */
      readonly metadata: readonly MetadataEntry[];
    }
  | {
      readonly kind: "batch";
      readonly rows: number;
      /** Offset and length of each buffer in the body, in bytes. */
      readonly buffers: readonly (readonly [offset: number, length: number])[];
      /** Of the single buffers. */
      readonly compression: "none" | "lz4" | "zstd" | "unknown";
    }
  | { readonly kind: "dictionary" }
  | { readonly kind: "other" };

/** One key and value of schema metadata. */
export interface MetadataEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A header describes columns, not data: more than this is refused. Unit: bytes. */
export const ipcHeaderBytesMax = 16 * 1024 * 1024;

const HEADER_SCHEMA = 1;
const HEADER_DICTIONARY = 2;
const HEADER_BATCH = 3;
const TYPE_INT = 2;

/**
 * Reads an Arrow IPC message header (docs/object-cache.md, section 2).
 * @throws FlameError internal when the bytes are no such flatbuffer.
 */
export function readIpcMessage(header: Buffer): IpcMessage {
  if (header.length > ipcHeaderBytesMax) {
    throw unreadable(`it has ${header.length} bytes, at most ${ipcHeaderBytesMax} are accepted`);
  }
  try {
    const message = FlatTable.root(header);
    const body = message.table(2);
    if (body === undefined) throw new RangeError("it has no header table");
    return readHeader(message.uint8(1), body);
  } catch (thrown) {
    throw thrown instanceof FlameError ? thrown : unreadable(textOf(thrown));
  }
}

function readHeader(type: number, body: FlatTable): IpcMessage {
  switch (type) {
    case HEADER_SCHEMA:
      return readSchema(body);
    case HEADER_BATCH: {
      const buffers = body.pairs(2);
      return {
        kind: "batch",
        rows: body.int64(0),
        buffers,
        compression: compressionOf(body.table(3)),
      };
    }
    case HEADER_DICTIONARY:
      return { kind: "dictionary" };
    default:
      return { kind: "other" };
  }
}

/** Arrow's `CompressionType`; the method is always that of single buffers. */
const COMPRESSIONS = ["lz4", "zstd"] as const;

function compressionOf(table: FlatTable | undefined): "none" | "lz4" | "zstd" | "unknown" {
  return table === undefined ? "none" : (COMPRESSIONS[table.uint8(0)] ?? "unknown");
}

function readSchema(schema: FlatTable): IpcMessage {
  if (schema.int16(0) !== 0) throw unreadable("its endianness is big; send little-endian data");
  return {
    kind: "schema",
    fields: schema.tables(1).map(readField),
    metadata: schema.tables(2).map((entry) => ({
      key: entry.stringBytes(0) ?? Buffer.alloc(0),
      value: entry.stringBytes(1) ?? Buffer.alloc(0),
    })),
  };
}

function readField(field: FlatTable): ArrowField {
  const typeCode = field.uint8(2);
  const int = typeCode === TYPE_INT ? field.table(3) : undefined;
  return {
    name: (field.stringBytes(0) ?? Buffer.alloc(0)).toString("utf8", 0, FIELD_NAME_BYTES_SHOWN),
    typeCode,
    bitWidth: int?.int32(0) ?? 0,
    signed: (int?.uint8(1) ?? 0) !== 0,
  };
}

/** Names are for error texts only. Unit: bytes. */
const FIELD_NAME_BYTES_SHOWN = 128;

function unreadable(why: string): FlameError {
  return new FlameError("invalid_argument", `unreadable Arrow IPC header: ${why}`);
}
