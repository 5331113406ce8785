import { FlameError } from "../../model/errors.ts";
import { FlatTable } from "./flat-table.ts";
import { type IpcMessage, type MetadataEntry, readIpcMessage } from "./ipc-message.ts";

/**
 * Tables that the cache keeps as Arrow: their schema says so in its metadata, and carries the version when it is
 * handed out (docs/object-cache.md, section 2).
 */
const FORMAT_KEY = "flame.cache.format";
const TABLE_FORMAT = "arrow-table-v1";
const VERSION_KEY = "flame.cache.version";

/** Whether a schema asks to be kept as a table. */
export function isTableSchema(schema: IpcMessage & { kind: "schema" }): boolean {
  return schema.metadata.some(
    ({ key, value }) =>
      key.toString("latin1") === FORMAT_KEY && value.toString("latin1") === TABLE_FORMAT,
  );
}

/**
 * The schema header with `flame.cache.version` set and all other metadata kept. The new metadata is appended to the
 * flatbuffer and the schema's reference moved to it, so that types this program does not know stay as they are.
 * @throws FlameError internal when the header is no schema with metadata.
 */
export function withTableVersion(header: Buffer, version: number): Buffer {
  const schema = readIpcMessage(header);
  const slot = FlatTable.root(header).table(2)?.fieldPosition(2);
  if (schema.kind !== "schema" || slot === undefined) {
    throw new FlameError("internal", "a stored table does not begin with a schema with metadata");
  }
  const others = schema.metadata.filter(({ key }) => key.toString("latin1") !== VERSION_KEY);
  const own = { key: Buffer.from(VERSION_KEY), value: Buffer.from(String(version)) };
  const start = Math.ceil(header.length / 8) * 8;
  const appended = metadataVector([...others, own]);
  const rewritten = Buffer.alloc(start + appended.bytes.length);
  header.copy(rewritten);
  appended.bytes.copy(rewritten, start);
  rewritten.writeUInt32LE(start + appended.vectorAt - slot, slot);
  return rewritten;
}

/** A schema as FlightInfo and SchemaResult carry it: an encapsulated IPC message, unlike `data_header`. */
export function encapsulated(header: Buffer): Buffer {
  const length = Math.ceil(header.length / 8) * 8;
  const message = Buffer.alloc(8 + length);
  message.writeUInt32LE(0xff_ff_ff_ff, 0);
  message.writeInt32LE(length, 4);
  header.copy(message, 8);
  return message;
}

const KEY_VALUE_VTABLE = Buffer.from([8, 0, 12, 0, 4, 0, 8, 0]);
const KEY_VALUE_BYTES = 12;

/** A flatbuffer vector of KeyValue tables; all its references point forward, within the returned bytes. */
function metadataVector(entries: readonly MetadataEntry[]): { bytes: Buffer; vectorAt: number } {
  const vectorAt = KEY_VALUE_VTABLE.length;
  const tablesAt = vectorAt + 4 + 4 * entries.length;
  const texts = entries.flatMap(({ key, value }) => [textOf(key), textOf(value)]);
  let textAt = tablesAt + KEY_VALUE_BYTES * entries.length;
  const fixed = Buffer.alloc(textAt);
  KEY_VALUE_VTABLE.copy(fixed);
  fixed.writeUInt32LE(entries.length, vectorAt);
  for (const [index] of entries.entries()) {
    const slot = vectorAt + 4 + 4 * index;
    const table = tablesAt + KEY_VALUE_BYTES * index;
    fixed.writeUInt32LE(table - slot, slot);
    fixed.writeInt32LE(table, table);
    for (const part of [0, 1]) {
      const reference = table + 4 + 4 * part;
      fixed.writeUInt32LE(textAt - reference, reference);
      textAt += texts[2 * index + part]?.length ?? 0;
    }
  }
  const bytes = Buffer.concat([fixed, ...texts]);
  return { bytes: Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)]), vectorAt };
}

/** Length, bytes, a closing zero, up to the next multiple of 4. */
function textOf(bytes: Buffer): Buffer {
  const text = Buffer.alloc(Math.ceil((4 + bytes.length + 1) / 4) * 4);
  text.writeUInt32LE(bytes.length, 0);
  bytes.copy(text, 4);
  return text;
}
