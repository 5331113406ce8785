import { FlameError } from "../../model/errors.ts";

/**
 * The protobuf message FlightData, by hand: generated code copies the body, and a body is a whole object
 * (docs/object-cache.md, section 2).
 */
export interface FlightData {
  /** An encoded FlightDescriptor; only on the first message of a stream. */
  readonly descriptor?: Buffer | undefined;
  /** A bare Arrow IPC message header. */
  readonly header: Buffer;
  readonly appMetadata: Buffer;
  readonly body: Buffer;
}

const EMPTY = Buffer.alloc(0);
const DESCRIPTOR = 1;
const HEADER = 2;
const APP_METADATA = 3;
const BODY = 1000;

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

/**
 * Reads a FlightData; everything in the result is a view of `bytes`.
 * @throws FlameError internal when the bytes are no such message.
 */
export function decodeFlightData(bytes: Buffer): FlightData {
  const found = new Map<number, Buffer>();
  let position = 0;
  while (position < bytes.length) {
    const tag = readVarint(bytes, position);
    const field = Math.floor(tag.value / 8);
    const value = readField(bytes, tag.next, tag.value % 8);
    if (value.bytes !== undefined) found.set(field, value.bytes);
    position = value.next;
  }
  return {
    descriptor: found.get(DESCRIPTOR),
    header: found.get(HEADER) ?? EMPTY,
    appMetadata: found.get(APP_METADATA) ?? EMPTY,
    body: found.get(BODY) ?? EMPTY,
  };
}

/** A FlightData message whose body is a view to be filled by the caller: one allocation, no copy. */
export interface AllocatedFlightData {
  readonly message: Buffer;
  readonly body: Buffer;
}

/** Lays out a FlightData with room for `bodyBytes`; the room is not cleared. */
export function allocateFlightData(
  header: Buffer,
  bodyBytes: number,
  descriptor: Buffer = EMPTY,
  appMetadata: Buffer = EMPTY,
): AllocatedFlightData {
  const prefix = flightDataPrefix(header, bodyBytes, descriptor, appMetadata);
  const message = Buffer.allocUnsafe(prefix.length + bodyBytes);
  prefix.copy(message);
  return { message, body: message.subarray(prefix.length) };
}

/** The bytes of a FlightData up to its body, which follows as it is. */
export function flightDataPrefix(
  header: Buffer,
  bodyBytes: number,
  descriptor: Buffer = EMPTY,
  appMetadata: Buffer = EMPTY,
): Buffer {
  return Buffer.concat([
    ...(descriptor.length === 0 ? [] : [tagAndLength(DESCRIPTOR, descriptor.length), descriptor]),
    tagAndLength(HEADER, header.length),
    header,
    ...(appMetadata.length === 0
      ? []
      : [tagAndLength(APP_METADATA, appMetadata.length), appMetadata]),
    ...(bodyBytes === 0 ? [] : [tagAndLength(BODY, bodyBytes)]),
  ]);
}

function readField(
  bytes: Buffer,
  start: number,
  wire: number,
): { bytes?: Buffer | undefined; next: number } {
  switch (wire) {
    case WIRE_VARINT:
      return { next: readVarint(bytes, start).next };
    case WIRE_FIXED64:
      return { next: within(bytes, start, 8) };
    case WIRE_FIXED32:
      return { next: within(bytes, start, 4) };
    case WIRE_BYTES: {
      const length = readVarint(bytes, start);
      const next = within(bytes, length.next, length.value);
      return { bytes: bytes.subarray(length.next, next), next };
    }
    default:
      throw malformed(`wire type ${wire} at byte ${start}`);
  }
}

function within(bytes: Buffer, start: number, length: number): number {
  if (start + length > bytes.length) {
    throw malformed(`a field of ${length} bytes at byte ${start} of ${bytes.length}`);
  }
  return start + length;
}

function readVarint(bytes: Buffer, start: number): { value: number; next: number } {
  let value = 0;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) throw malformed(`it ends inside a number at byte ${start}`);
    value += (byte % 128) * 2 ** (7 * index);
    if (byte < 128) return { value, next: start + index + 1 };
  }
  throw malformed(`a number without end at byte ${start}`);
}

function tagAndLength(field: number, length: number): Buffer {
  return Buffer.from([...varint(field * 8 + WIRE_BYTES), ...varint(length)]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

function malformed(why: string): FlameError {
  return new FlameError("internal", `malformed FlightData message: ${why}`);
}
