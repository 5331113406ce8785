import { describe, expect, it } from "@jest/globals";
import { allocateFlightData, decodeFlightData } from "../../../src/protocol/flight/flight-data.ts";
import { requestSchemaHeader } from "../../../src/protocol/flight/opaque-headers.ts";
import {
  FlightDescriptor,
  FlightData as GeneratedFlightData,
} from "../../../src/protocol/generated/arrow/flight/flight.ts";

const descriptor = Buffer.from(
  FlightDescriptor.encode(FlightDescriptor.fromPartial({ type: 1, path: ["app/ssn"] })).finish(),
);

describe("the hand-written FlightData codec", () => {
  it("begins a put as published clients do", () => {
    const { message } = allocateFlightData(requestSchemaHeader, 0, descriptor);
    expect(message.subarray(0, 16).toString("hex")).toBe("0a0b08011a076170702f73736e12a801");
  });

  it("agrees with the generated codec", () => {
    const { message, body } = allocateFlightData(Buffer.from("head"), 300, descriptor);
    body.fill(7);
    const generated = GeneratedFlightData.decode(message);
    expect(generated.flightDescriptor?.path).toEqual(["app/ssn"]);
    expect(generated.dataHeader.toString()).toBe("head");
    expect(generated.dataBody).toEqual(Buffer.alloc(300, 7));
    const withAll = { ...generated, appMetadata: Buffer.from("meta") };
    const back = decodeFlightData(Buffer.from(GeneratedFlightData.encode(withAll).finish()));
    expect(back.descriptor).toEqual(descriptor);
    expect(back.header.toString()).toBe("head");
    expect(back.appMetadata.toString()).toBe("meta");
    expect(back.body).toEqual(generated.dataBody);
  });

  it("hands out views, not copies", () => {
    const { message } = allocateFlightData(Buffer.from("head"), 300);
    expect(decodeFlightData(message).body.buffer).toBe(message.buffer);
  });

  it("skips fields it does not know", () => {
    const unknown = Buffer.from("2001" + "2900000000000000ff" + "3500000000" + "3a0161", "hex");
    const known = allocateFlightData(Buffer.from("head"), 0).message;
    expect(decodeFlightData(Buffer.concat([unknown, known])).header.toString()).toBe("head");
  });

  it("refuses a message that ends too early or is none", () => {
    const { message, body } = allocateFlightData(Buffer.from("head"), 40, descriptor);
    body.fill(0);
    const cut = [1, 5, 14, 17, 22, message.length - 1].map((length) => message.subarray(0, length));
    for (const part of cut) expect(() => decodeFlightData(part)).toThrow(/malformed FlightData/);
    expect(() => decodeFlightData(Buffer.from("0b", "hex"))).toThrow("wire type 3");
    expect(() => decodeFlightData(Buffer.alloc(12, 0xff))).toThrow("a number without end");
  });
});
