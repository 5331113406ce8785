import { FlameError } from "../../model/errors.ts";

/** Where an object lies: what a put answers and a get needs (docs/object-cache.md, section 3). */
export interface ObjectRef {
  /** `grpc://host:port` or `grpc+tls://host:port` of the cache that holds it. */
  readonly endpoint: string;
  /** `<app>/<session>/<object>`. */
  readonly key: string;
  /** Counts the changes of the object from 1; 0 in a request means "whatever there is, in full". */
  readonly version: number;
}

const TYPE_STRING = 0x02;
const TYPE_INT32 = 0x10;
const TYPE_INT64 = 0x12;

/** The BSON document `{endpoint, key, version: int64}`: exactly these fields, or published clients refuse it. */
export function encodeObjectRef(ref: ObjectRef): Buffer {
  const version = Buffer.alloc(8);
  version.writeBigInt64LE(BigInt(ref.version));
  const elements = Buffer.concat([
    stringElement("endpoint", ref.endpoint),
    stringElement("key", ref.key),
    Buffer.concat([elementHead(TYPE_INT64, "version"), version]),
    Buffer.alloc(1),
  ]);
  return Buffer.concat([int32(elements.length + 4), elements]);
}

/**
 * Reads an ObjectRef; `version` may be int32, int64 or absent (0).
 * @throws FlameError invalid_argument saying what is wrong with the document.
 */
export function decodeObjectRef(bytes: Uint8Array): ObjectRef {
  const document = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return toRef(readDocument(document));
  } catch (thrown) {
    throw thrown instanceof FlameError ? thrown : malformed("it ends too early");
  }
}

function toRef(fields: ReadonlyMap<string, string | number>): ObjectRef {
  const endpoint = fields.get("endpoint");
  const key = fields.get("key");
  const version = fields.get("version") ?? 0;
  for (const name of fields.keys()) {
    if (!["endpoint", "key", "version"].includes(name)) {
      throw malformed(`unknown field ${JSON.stringify(name)}`);
    }
  }
  if (typeof endpoint !== "string") throw malformed("the text field endpoint is missing");
  if (typeof key !== "string") throw malformed("the text field key is missing");
  if (typeof version !== "number" || version < 0) {
    throw malformed(`version is ${JSON.stringify(version)}, expected a number from 0`);
  }
  return { endpoint, key, version };
}

function readDocument(document: Buffer): Map<string, string | number> {
  const length = document.readInt32LE(0);
  if (length !== document.length) {
    throw malformed(`it says ${length} bytes and has ${document.length}`);
  }
  const fields = new Map<string, string | number>();
  let position = 4;
  for (let type = document.readUInt8(position); type !== 0; type = document.readUInt8(position)) {
    const nameEnd = document.indexOf(0, position + 1);
    if (nameEnd < 0) throw new RangeError("a name without end");
    const name = document.toString("utf8", position + 1, nameEnd);
    const { value, next } = readValue(document, type, nameEnd + 1, name);
    fields.set(name, value);
    position = next;
  }
  return fields;
}

function readValue(
  document: Buffer,
  type: number,
  start: number,
  name: string,
): { value: string | number; next: number } {
  switch (type) {
    case TYPE_STRING: {
      const length = document.readInt32LE(start);
      const next = start + 4 + length;
      if (length < 1 || next > document.length) throw new RangeError("a text without end");
      return { value: document.toString("utf8", start + 4, next - 1), next };
    }
    case TYPE_INT32:
      return { value: document.readInt32LE(start), next: start + 4 };
    case TYPE_INT64:
      return { value: Number(document.readBigInt64LE(start)), next: start + 8 };
    default:
      throw malformed(`field ${JSON.stringify(name)} has BSON type ${type}`);
  }
}

function stringElement(name: string, value: string): Buffer {
  const text = Buffer.from(`${value}\0`, "utf8");
  return Buffer.concat([elementHead(TYPE_STRING, name), int32(text.length), text]);
}

function elementHead(type: number, name: string): Buffer {
  return Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`, "latin1")]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function malformed(why: string): FlameError {
  return new FlameError(
    "invalid_argument",
    `not an object reference: ${why}; expected the BSON document {endpoint, key, version}`,
  );
}
