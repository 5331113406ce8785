import { describe, expect, it } from "@jest/globals";
import { type IpcMessage, readIpcMessage } from "../../../src/protocol/flight/ipc-message.ts";
import {
  requestSchemaHeader,
  responseSchemaHeader,
} from "../../../src/protocol/flight/opaque-headers.ts";
import {
  checkRequestSchema,
  type FramedRow,
  frameRequestRow,
  frameResponseRow,
  requestData,
  responseRows,
} from "../../../src/protocol/flight/opaque-rows.ts";

const golden = {
  responseSchema:
    "1000000000000a000c000600050008000a000000000104000c0000000800080000000400080000000400000003000000700000003000000004000000acffffff0000000410000000180000000400000000000000040000006461746100000000d8ffffffd4ffffff00000005100000001c0000000400000000000000040000006b696e64000000000400040004000000100014000800000007000c00000010001000000000000002100000002000000004000000000000000700000076657273696f6e000000060008000400060000004000000000000000",
  responseRow:
    "14000000000000000c0016000600050008000c000c0000000003040018000000280000000000000000000a0018000c00040008000a0000009c000000100000000100000000000000000000000800000000000000000000000000000000000000000000000000000008000000000000000800000000000000000000000000000008000000000000000800000000000000100000000000000004000000000000001800000000000000000000000000000018000000000000000800000000000000200000000000000005000000000000000000000003000000010000000000000000000000000000000100000000000000000000000000000001000000000000000000000000000000",
};

type Batch = IpcMessage & { kind: "batch" };

function fill(row: FramedRow, data: string): Buffer {
  const body = Buffer.alloc(row.bodyBytes, 0xee);
  row.writeAround(body);
  body.write(data, row.dataOffset);
  return body;
}

const batchOf = (row: FramedRow): Batch => readIpcMessage(row.header) as Batch;

describe("rows of opaque objects", () => {
  it("have the headers that pyarrow writes", () => {
    expect(responseSchemaHeader.toString("hex")).toBe(golden.responseSchema);
    expect(frameResponseRow(3, "base", 5).header.toString("hex")).toBe(golden.responseRow);
    expect(requestSchemaHeader).toHaveLength(168);
    expect(frameRequestRow(5).header).toHaveLength(200);
  });

  it("have the bodies that pyarrow writes", () => {
    expect(fill(frameResponseRow(3, "base", 5), "hello").toString("hex")).toBe(
      "030000000000000000000000040000006261736500000000000000000500000068656c6c6f000000",
    );
    expect(fill(frameRequestRow(5), "hello").toString("hex")).toBe(
      "0000000000000000000000000500000068656c6c6f000000",
    );
  });

  it("are read back, whatever the length of the data", () => {
    for (const length of [0, 1, 7, 8, 9, 1000]) {
      const data = "x".repeat(length);
      const request = frameRequestRow(length);
      expect(requestData(batchOf(request), fill(request, data)).toString()).toBe(data);
      const response = frameResponseRow(2 ** 40, "patch", length);
      const [row] = responseRows(batchOf(response), fill(response, data));
      expect({ ...row, data: row?.data.toString() }).toEqual({
        version: 2 ** 40,
        kind: "patch",
        data,
      });
    }
  });

  it("are read at the buffers that the header describes, not at usual places", () => {
    // Two rows, buffers padded to 64 bytes, with validity bitmaps although nothing is null: the Rust SDK's way.
    const buffers: [number, number][] = [
      [0, 64],
      [64, 16],
      [128, 64],
      [192, 12],
      [256, 5],
    ];
    const body = Buffer.alloc(320);
    body.writeInt32LE(2, 196);
    body.writeInt32LE(5, 200);
    body.write("hello", 256);
    const batch: Batch = { kind: "batch", rows: 2, buffers, compression: "none" };
    expect(requestData(batch, body).toString()).toBe("hello");
    // A slice of a larger array keeps its offsets.
    expect(requestData({ ...batch, rows: 1 }, body).toString()).toBe("he");
  });

  it("are refused when the body does not hold what the header describes", () => {
    const row = frameRequestRow(5);
    const body = fill(row, "hello");
    const batch = batchOf(row);
    expect(() => requestData(batch, body.subarray(0, 18))).toThrow("ends at byte 21 of 18");
    expect(() => requestData({ ...batch, rows: 1000 }, body)).toThrow("row 1000 has no offset");
    expect(() => requestData({ ...batch, buffers: [] }, body)).toThrow("buffer 3 is missing");
    expect(() => requestData({ ...batch, compression: "zstd" }, body)).toThrow("uncompressed");
    body.writeInt32LE(-1, 8);
    expect(() => requestData(batch, body)).toThrow("a cell lies at bytes -1 to 5");
    const response = frameResponseRow(1, "base", 1);
    const wrongKind = fill(response, "x");
    wrongKind.write("BASE", 16);
    expect(() => responseRows(batchOf(response), wrongKind)).toThrow('unknown kind "BASE"');
  });

  it("need a uint64 column and a binary column, by position", () => {
    const schema = readIpcMessage(requestSchemaHeader) as IpcMessage & { kind: "schema" };
    expect(() => checkRequestSchema(schema.fields)).not.toThrow();
    const renamed = schema.fields.map((field) => ({ ...field, name: "other" }));
    expect(() => checkRequestSchema(renamed)).not.toThrow();
    expect(() => checkRequestSchema([...schema.fields].reverse())).toThrow(
      "expected version: uint64, data: binary, got data: binary, version: uint64",
    );
    expect(() => checkRequestSchema([])).toThrow("got none");
  });
});
