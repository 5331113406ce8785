// Columns of many rows as PostgreSQL's binary arrays: a statement takes a batch of any size, and no value is written as text and
// read again.

export type ColumnType = "text" | "bigint" | "bytea";

/** What stands in a column; undefined is NULL. */
export type ColumnValue = string | number | Buffer | null | undefined;

/** As the system table pg_type has them. */
const typeIds: Record<ColumnType, number> = { text: 25, bigint: 20, bytea: 17 };

/** Dimensions, whether one is NULL, the type of elements, how many there are, and the index of the first. */
const headBytes = 20;
const lengthBytes = 4;
const nullLength = -1;
const bigintBytes = 8;
/** A UTF-16 unit takes at most so many bytes of UTF-8. */
const bytesOfUnitMax = 3;
const highUnit = 2 ** 32;

/** PostgreSQL keeps no U+0000 in a text; what has one says so with the sign for what cannot be shown. */
export function withoutNul(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\ufffd") : text;
}

/** One array parameter. */
export function arrayOf(type: ColumnType, values: readonly ColumnValue[]): Buffer {
  let room = headBytes;
  for (const value of values) room += lengthBytes + roomOf(value);
  const buffer = Buffer.allocUnsafe(room);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(typeIds[type], 8);
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16);
  let at = headBytes;
  for (const value of values) at = writeValue(buffer, value, at);
  return buffer.subarray(0, at);
}

function roomOf(value: ColumnValue): number {
  if (value === null || value === undefined) return 0;
  if (typeof value === "number") return bigintBytes;
  return typeof value === "string" ? bytesOfUnitMax * value.length : value.length;
}

/** @returns where the next value begins */
function writeValue(buffer: Buffer, value: ColumnValue, at: number): number {
  const from = at + lengthBytes;
  if (value === null || value === undefined) {
    buffer.writeInt32BE(nullLength, at);
    return from;
  }
  const length = writeContent(buffer, value, from);
  buffer.writeInt32BE(length, at);
  return from + length;
}

function writeContent(buffer: Buffer, value: string | number | Buffer, at: number): number {
  if (typeof value === "string") return buffer.write(withoutNul(value), at, "utf8");
  if (typeof value !== "number") return value.copy(buffer, at);
  // Twice as fast as a BigInt.
  const high = Math.floor(value / highUnit);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * highUnit, at + bigintBytes / 2);
  return bigintBytes;
}
