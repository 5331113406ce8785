import { describe, expect, it } from "@jest/globals";
import { FlameError } from "../../../src/model/errors.ts";
import { readIpcMessage } from "../../../src/protocol/flight/ipc-message.ts";
import {
  requestRowHeader,
  requestSchemaHeader,
} from "../../../src/protocol/flight/opaque-headers.ts";
import {
  encapsulated,
  isTableSchema,
  withTableVersion,
} from "../../../src/protocol/flight/table-schema.ts";

// pyarrow: schema [x: int64, s: string] with flame.cache.format, flame.cache.version = 0 and k = v.
const tableHeader = Buffer.from(
  "1000000000000a000e000600050008000a000000000104001000000000000a000c000000040008000a000000a000000004000000030000005c0000002400000004000000b8ffffff10000000040000000100000076000000010000006b000000d4ffffff1000000004000000010000003000000013000000666c616d652e63616368652e76657273696f6e0008000c0004000800080000001c000000040000000e0000006172726f772d7461626c652d7631000012000000666c616d652e63616368652e666f726d61740000020000004000000004000000d8ffffff000001051000000018000000040000000000000001000000730000000400040004000000100014000800060007000c00000010001000000000000102100000001c0000000400000000000000010000007800000008000c000800070008000000000000014000000000000000",
  "hex",
);

function schemaOf(header: Buffer) {
  const message = readIpcMessage(header);
  if (message.kind !== "schema") throw new Error(`a ${message.kind} message`);
  return message;
}

function metadataOf(header: Buffer) {
  const entries = schemaOf(header).metadata.map(({ key, value }) => [
    key.toString(),
    value.toString(),
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}

describe("Arrow IPC headers", () => {
  it("tell the columns of a schema", () => {
    expect(schemaOf(requestSchemaHeader).fields).toEqual([
      { name: "version", typeCode: 2, bitWidth: 64, signed: false },
      { name: "data", typeCode: 4, bitWidth: 0, signed: false },
    ]);
    expect(schemaOf(tableHeader).fields.map(({ name }) => name)).toEqual(["x", "s"]);
  });

  it("tell the buffers of a batch", () => {
    expect(readIpcMessage(requestRowHeader)).toEqual({
      kind: "batch",
      rows: 1,
      buffers: [
        [0, 0],
        [0, 8],
        [8, 0],
        [8, 8],
        [16, 5],
      ],
      compression: "none",
    });
  });

  it("never fail with anything but a FlameError, however they are damaged", () => {
    for (const header of [requestSchemaHeader, requestRowHeader, tableHeader]) {
      for (let at = 0; at < header.length; at++) {
        for (const value of [0x00, 0x7f, 0xff]) {
          const damaged = Buffer.from(header);
          damaged[at] = value;
          expectReadOrFlameError(damaged);
        }
        expectReadOrFlameError(header.subarray(0, at));
      }
    }
  });
});

describe("the schema of a table", () => {
  it("is known by its metadata", () => {
    expect(isTableSchema(schemaOf(tableHeader))).toBe(true);
    expect(isTableSchema(schemaOf(requestSchemaHeader))).toBe(false);
  });

  it("carries the version it is given and keeps everything else", () => {
    const rewritten = withTableVersion(tableHeader, 1234567);
    expect(metadataOf(rewritten)).toEqual({
      k: "v",
      "flame.cache.format": "arrow-table-v1",
      "flame.cache.version": "1234567",
    });
    expect(schemaOf(rewritten).fields).toEqual(schemaOf(tableHeader).fields);
    expect(rewritten.length % 8).toBe(0);
    expect(metadataOf(withTableVersion(rewritten, 8))["flame.cache.version"]).toBe("8");
  });

  it("is encapsulated where Flight wants an IPC message", () => {
    const message = encapsulated(tableHeader);
    expect(message.subarray(0, 8).toString("hex")).toBe("ffffffff48010000");
    expect(message.subarray(8)).toEqual(tableHeader);
  });
});

function expectReadOrFlameError(header: Buffer): void {
  let failure: unknown;
  try {
    readIpcMessage(header);
  } catch (thrown) {
    failure = thrown;
  }
  expect(failure === undefined || failure instanceof FlameError).toBe(true);
}
