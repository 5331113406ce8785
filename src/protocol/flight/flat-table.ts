/**
 * A table inside a flatbuffer, read in place. Every read is checked by Buffer's own bounds: a malformed buffer
 * throws RangeError, which the callers turn into one FlameError. Field numbers are those of Arrow's `.fbs` files.
 */
export class FlatTable {
  readonly #bytes: Buffer;
  readonly #start: number;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#start = start;
  }

  /** The table that a whole flatbuffer holds. */
  static root(bytes: Buffer): FlatTable {
    return new FlatTable(bytes, bytes.readUInt32LE(0));
  }

  /** Where the inline value of a field begins; undefined when the field is absent. */
  fieldPosition(field: number): number | undefined {
    const vtable = this.#start - this.#bytes.readInt32LE(this.#start);
    const slot = 4 + 2 * field;
    if (slot + 2 > this.#bytes.readUInt16LE(vtable)) return undefined;
    const offset = this.#bytes.readUInt16LE(vtable + slot);
    return offset === 0 ? undefined : this.#start + offset;
  }

  uint8(field: number): number {
    const position = this.fieldPosition(field);
    return position === undefined ? 0 : this.#bytes.readUInt8(position);
  }

  int16(field: number): number {
    const position = this.fieldPosition(field);
    return position === undefined ? 0 : this.#bytes.readInt16LE(position);
  }

  int32(field: number): number {
    const position = this.fieldPosition(field);
    return position === undefined ? 0 : this.#bytes.readInt32LE(position);
  }

  int64(field: number): number {
    const position = this.fieldPosition(field);
    return position === undefined ? 0 : readLength(this.#bytes, position);
  }

  table(field: number): FlatTable | undefined {
    const target = this.#target(field);
    return target === undefined ? undefined : new FlatTable(this.#bytes, target);
  }

  /** The UTF-8 bytes of a string field, not decoded. */
  stringBytes(field: number): Buffer | undefined {
    const target = this.#target(field);
    if (target === undefined) return undefined;
    const length = this.#bytes.readUInt32LE(target);
    if (target + 4 + length > this.#bytes.length) throw new RangeError("a string passes the end");
    return this.#bytes.subarray(target + 4, target + 4 + length);
  }

  /** The tables of a vector field; empty when the field is absent. */
  tables(field: number): FlatTable[] {
    const { start, length } = this.#vector(field, 4);
    return Array.from({ length }, (_, index) => {
      const slot = start + 4 * index;
      return new FlatTable(this.#bytes, slot + this.#bytes.readUInt32LE(slot));
    });
  }

  /** The two int64 of each struct of a vector field (Arrow's Buffer and FieldNode); empty when absent. */
  pairs(field: number): readonly [first: number, second: number][] {
    const { start, length } = this.#vector(field, 16);
    return Array.from({ length }, (_, index) => {
      const at = start + 16 * index;
      return [readLength(this.#bytes, at), readLength(this.#bytes, at + 8)];
    });
  }

  #target(field: number): number | undefined {
    const position = this.fieldPosition(field);
    return position === undefined ? undefined : position + this.#bytes.readUInt32LE(position);
  }

  #vector(field: number, elementBytes: number): { start: number; length: number } {
    const target = this.#target(field);
    if (target === undefined) return { start: 0, length: 0 };
    const length = this.#bytes.readUInt32LE(target);
    if (target + 4 + length * elementBytes > this.#bytes.length) {
      throw new RangeError("a vector passes the end");
    }
    return { start: target + 4, length };
  }
}

/** An int64 that counts something: lengths and offsets are never negative nor beyond 2^53. */
function readLength(bytes: Buffer, position: number): number {
  const value = bytes.readBigInt64LE(position);
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`${value} is no length`);
  }
  return Number(value);
}
