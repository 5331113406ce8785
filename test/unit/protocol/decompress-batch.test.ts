import { describe, expect, it } from "@jest/globals";
import { decompressed } from "../../../src/protocol/flight/decompress-batch.ts";
import { type IpcMessage, readIpcMessage } from "../../../src/protocol/flight/ipc-message.ts";
import { frameResponseRow, responseRows } from "../../../src/protocol/flight/opaque-rows.ts";

type Batch = IpcMessage & { kind: "batch" };

/** A row of a response as pyarrow writes it with ZSTD, and the header of the same with LZ4. */
const golden = {
  header:
    "14000000000000000c0018000600050008000c000c000000000304001c0000009800000000000000000000000c001e001000040008000c000c000000b0000000240000001800000001000000000000000000000000000600080007000600000000000001080000000000000000000000000000000000000000000000000000001900000000000000200000000000000000000000000000002000000000000000190000000000000040000000000000001500000000000000580000000000000000000000000000005800000000000000190000000000000078000000000000001f000000000000000000000003000000010000000000000000000000000000000100000000000000000000000000000001000000000000000000000000000000",
  body: "080000000000000028b52ffd2008410000030000000000000000000000000000080000000000000028b52ffd2008410000000000000400000000000000000000040000000000000028b52ffd200421000062617365000000080000000000000028b52ffd2008410000000000002c010000000000000000002c0100000000000028b52ffd602c006d00003068656c6c6f20010023514b1100",
  lz4: "14000000000000000c0018000600050008000c000c000000000304001c000000a800000000000000000000000c001c001000040008000c000c000000a80000001c000000140000000100000000000000000000000400040004000000080000000000000000000000000000000000000000000000000000001f000000000000002000000000000000000000000000000020000000000000001f0000000000000040000000000000001b000000000000006000000000000000000000000000000060000000000000001f00000000000000800000000000000028000000000000000000000003000000010000000000000000000000000000000100000000000000000000000000000001000000000000000000000000000000",
};

const batchOf = (hex: string): Batch => readIpcMessage(Buffer.from(hex, "hex")) as Batch;
const message = batchOf(golden.header);
const body = (): Buffer => Buffer.from(golden.body, "hex");

/** A batch of one buffer: its uncompressed length as told, and what follows. */
function one(told: bigint, data: Buffer): [Batch, Buffer] {
  const whole = Buffer.alloc(8 + data.length);
  whole.writeBigInt64LE(told);
  data.copy(whole, 8);
  return [{ ...message, buffers: [[0, whole.length]] }, whole];
}

describe("a compressed batch", () => {
  it("is read as it was before", async () => {
    const plain = await decompressed(message, body());
    expect(responseRows(plain.message, plain.body)).toEqual([
      { version: 3, kind: "base", data: Buffer.from("hello ".repeat(50)) },
    ]);
  });

  it("may have buffers that were left as they were, and empty ones", async () => {
    const [batch, bytes] = one(-1n, Buffer.from("plain"));
    const buffers: Batch["buffers"] = [...batch.buffers, [8, 0]];
    const plain = await decompressed({ ...batch, buffers }, bytes);
    expect(plain.message).toEqual({
      ...batch,
      compression: "none",
      buffers: [
        [0, 5],
        [8, 0],
      ],
    });
    expect(plain.body.subarray(0, 5).toString()).toBe("plain");
  });

  it("that is not compressed costs nothing", async () => {
    const row = frameResponseRow(1, "base", 1);
    const batch = readIpcMessage(row.header) as Batch;
    const bytes = Buffer.alloc(row.bodyBytes);
    const plain = await decompressed(batch, bytes);
    expect(plain.body).toBe(bytes);
  });

  const frame = body().subarray(128, 128 + 31);

  it.each<[string, [Batch, Buffer], string]>([
    ["another compression", [batchOf(golden.lz4), body()], "compressed with lz4, expected ZSTD"],
    ["an end before its last buffer", [message, body().subarray(0, 120)], "ends at byte"],
    ["no room for a length", [{ ...message, buffers: [[0, 4]] }, body()], "buffer 0 has no room"],
    ["a length below zero", one(-2n, frame), "says that it has -2 bytes"],
    ["a length beyond all bounds", one(2n ** 40n, frame), "says that it has 1099511627776 bytes"],
    ["fewer bytes than it says", one(9n, body().subarray(8, 25)), "has 8 bytes and says"],
    [
      "more bytes than it says",
      one(7n, body().subarray(8, 25)),
      "decompressed: it has more than 7 bytes",
    ],
    [
      "what is no ZSTD",
      one(7n, Buffer.from("no zstd here")),
      "buffer 0 cannot be decompressed: invalid zstd",
    ],
  ])("is refused with %s", async (_what, [batch, bytes], text) => {
    await expect(decompressed(batch, bytes)).rejects.toThrow(text);
  });
});
