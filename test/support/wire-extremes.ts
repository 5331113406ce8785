import {
  createFileRegistry,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  fromBinary,
  ScalarType,
} from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { descriptorSet } from "../../src/protocol/generated/descriptor-set.ts";

/** A message by the names of its fields in the .proto file; a string may be given as bytes that are no UTF-8. */
export interface Tree {
  readonly [field: string]: unknown;
}

/** One value that a field is driven to, and the way to the field. */
export interface Extreme {
  /** Such as `session.resreq.cpu = 18446744073709551615`. */
  readonly label: string;
  /** The request with that value in it. */
  readonly applyTo: (request: Tree) => Tree;
}

const files = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, Buffer.from(descriptorSet, "base64")),
);

/** The calls of a service, by its full name. */
export function methodsOf(service: string): DescMethod[] {
  const found = files.getService(service);
  if (found === undefined) throw new Error(`no .proto file declares the service ${service}`);
  return found.methods;
}

/** A message, by its full name. */
export function messageOf(name: string): DescMessage {
  const found = files.getMessage(name);
  if (found === undefined) throw new Error(`no .proto file declares the message ${name}`);
  return found;
}

/** Every service of every .proto file. */
export function allServices(): string[] {
  return [...files.files].flatMap((file: DescFile) => file.services.map((one) => one.typeName));
}

/** Every field of a request, those of its sub-messages too, at each of its extremes; and every sub-message missing. */
export function* extremesOf(
  message: DescMessage,
  above: readonly string[] = [],
): Generator<Extreme> {
  for (const field of message.fields) {
    const path = [...above, field.name];
    yield* valuesOf(field).map(([shown, value]) => extreme(path, shown, value));
    // Deep enough for every message here; none contains itself.
    if (field.message !== undefined && path.length < 6) yield* extremesOf(field.message, path);
  }
}

function extreme(path: readonly string[], shown: string, value: unknown): Extreme {
  return {
    label: `${path.join(".")} = ${shown}`,
    applyTo: (request) => setAt(request, path, value),
  };
}

/** A copy with one value changed; messages on the way that are missing are made, and of lists the first entry is meant. */
function setAt(tree: Tree, [name = "", ...rest]: readonly string[], value: unknown): Tree {
  if (rest.length === 0) return { ...tree, [name]: value };
  const there = tree[name];
  const inside = Array.isArray(there)
    ? (there[0] as Tree | undefined)
    : (there as Tree | undefined);
  const changed = setAt(inside ?? {}, rest, value);
  return {
    ...tree,
    [name]: Array.isArray(there) ? [changed, ...(there as unknown[]).slice(1)] : changed,
  };
}

type Value = readonly [shown: string, value: unknown];

function valuesOf(field: DescField): Value[] {
  if (field.fieldKind === "list") return listsOf(field);
  if (field.fieldKind === "message") return [absent, ["an empty message", {}]];
  if (field.fieldKind === "enum")
    return [absent, ...integers(-(2n ** 31n), 2n ** 31n - 1n), ["99", 99]];
  if (field.fieldKind === "map") throw new Error(`${field.name}: maps are not driven yet`);
  return [absent, ...scalars[field.scalar]];
}

const absent: Value = ["nothing", undefined];

function listsOf(field: DescField & { fieldKind: "list" }): Value[] {
  const single =
    field.listKind === "scalar" ? scalars[field.scalar] : [["an empty entry", {}] as const];
  const entries = single.map(([shown, value]): Value => [`[${shown}]`, [value]]);
  const many = Array.from({ length: 20_000 }, () => single[0]?.[1]);
  return [["[]", []], ...entries, ["20,000 entries", many]];
}

function integers(min: bigint, max: bigint): Value[] {
  const known = [min, -1n, 0n, 1n, max].filter((one) => one >= min);
  return [...new Set(known)].map((one) => [String(one), one]);
}

const floats: Value[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  -1,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
].map((one) => [Object.is(one, -0) ? "-0" : String(one), one]);

const strings: Value[] = [
  ["an empty text", ""],
  ["a blank", " "],
  ["NUL", "a\u0000b"],
  ["a lone surrogate", new Uint8Array([0x61, 0xed, 0xa0, 0x80, 0x62])],
  ["a lone byte FF", new Uint8Array([0x61, 0xff, 0x62])],
  ["__proto__", "__proto__"],
  ["a way out", "../../etc/passwd"],
  ["lines and escapes", "a\r\nb\u001b[2J\u2028"],
  ["a huge number", "99999999999999999999"],
  ["-1", "-1"],
  ["a reversed emoji", "\u202e\u{1f468}\u200d\u{1f467}"],
  // Wherever a text is cut, one of these is cut between the halves of a character.
  ["100 emoji", "\u{1f600}".repeat(100)],
  ["a letter and 100 emoji", `x${"\u{1f600}".repeat(100)}`],
  ["100,000 letters", "x".repeat(100_000)],
  ["3 MiB of letters", "y".repeat(3 * 1024 * 1024)],
];

const bytes: Value[] = [
  ["no bytes", new Uint8Array(0)],
  ["one byte 0", new Uint8Array(1)],
  ["5 MiB", new Uint8Array(5 * 1024 * 1024).fill(255)],
];

const int32 = integers(-(2n ** 31n), 2n ** 31n - 1n);
const uint32 = integers(0n, 2n ** 32n - 1n);
const int64 = integers(-(2n ** 63n), 2n ** 63n - 1n);
const uint64: Value[] = [...integers(0n, 2n ** 64n - 1n), ["2^63", 2n ** 63n], ["2^53", 2n ** 53n]];

const scalars: Readonly<Record<ScalarType, readonly Value[]>> = {
  [ScalarType.DOUBLE]: floats,
  [ScalarType.FLOAT]: floats,
  [ScalarType.INT32]: int32,
  [ScalarType.SINT32]: int32,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.UINT32]: uint32,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.INT64]: int64,
  [ScalarType.SINT64]: int64,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.UINT64]: uint64,
  [ScalarType.FIXED64]: uint64,
  [ScalarType.BOOL]: [
    ["false", false],
    ["true", true],
  ],
  [ScalarType.STRING]: strings,
  [ScalarType.BYTES]: bytes,
};

/** The bytes of a message. Written here, since no generated encoder writes what is not allowed. */
export function encode(message: DescMessage, tree: Tree): Buffer {
  const writer = new BinaryWriter();
  for (const name of Object.keys(tree)) {
    if (!message.fields.some((field) => field.name === name))
      throw new Error(`${message.typeName} has no field ${name}`);
  }
  for (const field of message.fields) {
    const value = tree[field.name];
    if (value === undefined) continue;
    const each = field.fieldKind === "list" ? (value as unknown[]) : [value];
    for (const one of each) encodeOne(writer, field, one);
  }
  return Buffer.from(writer.finish());
}

function encodeOne(writer: BinaryWriter, field: DescField, value: unknown): void {
  const delimited = (data: Uint8Array): unknown =>
    writer.tag(field.number, WireType.LengthDelimited).bytes(data);
  if (field.message !== undefined) delimited(encode(field.message, value as Tree));
  else if (typeof value === "string") delimited(Buffer.from(value));
  else if (value instanceof Uint8Array) delimited(value);
  else if (field.scalar === ScalarType.DOUBLE)
    writer.tag(field.number, WireType.Bit64).double(value as number);
  else if (field.scalar === ScalarType.FLOAT)
    writer.tag(field.number, WireType.Bit32).float(value as number);
  else if (isFixed(field.scalar)) throw new Error(`${field.name}: fixed widths are not driven yet`);
  else {
    const number = BigInt(value as bigint | boolean | number);
    const varint = writer.tag(field.number, WireType.Varint);
    if (number < 0n) varint.int64(number);
    else varint.uint64(number);
  }
}

const fixed = [ScalarType.FIXED32, ScalarType.FIXED64, ScalarType.SFIXED32, ScalarType.SFIXED64];
const isFixed = (scalar: ScalarType | undefined): boolean =>
  scalar !== undefined && [...fixed, ScalarType.SINT32, ScalarType.SINT64].includes(scalar);
