import { describe, expect, it } from "@jest/globals";
import { decodeObjectRef, encodeObjectRef } from "../../../src/protocol/flight/object-ref.ts";

const ref = { endpoint: "grpc://1.2.3.4:9090", key: "a/b/c", version: 1 };
// Written by pymongo: the version as int32 (a plain Python int), and as int64 (bson.Int64).
const int32Form =
  "4300000002656e64706f696e740014000000677270633a2f2f312e322e332e343a3930393000026b65790006000000612f622f63001076657273696f6e000100000000";
const int64Form =
  "4700000002656e64706f696e740014000000677270633a2f2f312e322e332e343a3930393000026b65790006000000612f622f63001276657273696f6e00010000000000000000";

const decodeHex = (hex: string) => decodeObjectRef(Buffer.from(hex, "hex"));

describe("the BSON form of an object reference", () => {
  it("is written as pymongo writes it, with the version as int64", () => {
    expect(encodeObjectRef(ref).toString("hex")).toBe(int64Form);
  });

  it("is read with the version as int32 or int64", () => {
    expect(decodeHex(int32Form)).toEqual(ref);
    expect(decodeHex(int64Form)).toEqual(ref);
  });

  it("keeps large versions and letters beyond ASCII", () => {
    const other = { endpoint: "grpc+tls://h:1", key: "ä/β/🔥", version: 2 ** 53 - 1 };
    expect(decodeObjectRef(encodeObjectRef(other))).toEqual(other);
  });

  it("means version 0 when it has none", () => {
    const hex =
      "3600000002656e64706f696e740014000000677270633a2f2f312e322e332e343a3930393000026b65790006000000612f622f630000";
    expect(decodeHex(hex)).toEqual({ ...ref, version: 0 });
  });

  it("is refused with a reason when it is something else", () => {
    const whole = Buffer.from(int64Form, "hex");
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeObjectRef(whole.subarray(0, length))).toThrow(/not an object reference/);
    }
    const renamed = Buffer.from(int64Form.replace("656e64706f696e74", "656e64706f696e75"), "hex");
    expect(() => decodeObjectRef(renamed)).toThrow('unknown field "endpoinu"');
    expect(() => decodeHex(int64Form.replace("1276", "0876"))).toThrow("BSON type 8");
    expect(() => decodeHex("0500000000")).toThrow("endpoint is missing");
  });
});
