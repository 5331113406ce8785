import { describe, expect, it } from "@jest/globals";
import { allCodecs, bytes, decodeWith, encodeWith, json, text } from "../../../src/sdk/codec.ts";

const roundTrip = (value: unknown): unknown => {
  const encoded = json().encode(value);
  return json().decode(encoded && Buffer.from(encoded));
};

describe("codecs", () => {
  it.each([[null], [0], [""], ["\u{1f600}\n"], [[1, { a: [] }]], [{ "": false }]])(
    "JSON takes %j there and back",
    (value) => expect(roundTrip(value)).toEqual(value),
  );

  it("undefined travels as no bytes, which are not the same as bytes of nothing", () => {
    expect(json().encode(undefined)).toBeUndefined();
    expect(json().decode(undefined)).toBeUndefined();
    expect(() => json().decode(Buffer.alloc(0))).toThrow("got 0 bytes that are no JSON");
    expect([bytes.encode(undefined), bytes.decode(undefined)]).toEqual([undefined, undefined]);
  });

  it("bytes and text are what they are", () => {
    const some = Buffer.from([0, 255]);
    expect([bytes.encode(some), bytes.decode(some)]).toEqual([some, some]);
    expect(text.decode(Buffer.from(text.encode("a\u00e9") ?? []))).toBe("a\u00e9");
    expect(text.decode(undefined)).toBe("");
  });

  it("a codec that gives anything but bytes is told so", () => {
    for (const [value, kind] of [
      ["text", "string"],
      [null, "null"],
      [[1], "object"],
    ] as const)
      expect(() => encodeWith(bytes, value as never, "the input")).toThrow(
        `the input: its codec gave ${kind}, expected bytes (a Uint8Array, such as Buffer.from(text)) or undefined`,
      );
  });

  const loop: { self?: unknown } = {};
  loop.self = loop;
  it.each([
    ["a cycle", loop, "circular"],
    ["a number that is too large", 1n, "BigInt"],
    ["a function", () => 1, "got a function"],
    ["a symbol", Symbol("x"), "got a symbol"],
  ])("what JSON cannot say is refused with what to do: %s", (_, value, words) => {
    const encode = (): unknown => encodeWith(json(), value, "the input");
    expect(encode).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    expect(encode).toThrow(/^the input: a value cannot be written as JSON: /);
    expect(encode).toThrow(words);
    expect(encode).toThrow("name another codec in codecs");
  });

  it("bytes that are no JSON are told with how they begin", () => {
    const decode = (): unknown => decodeWith(json(), Buffer.from("pong!"), "the output of task 3");
    expect(decode).toThrow(
      'the output of task 3: got 5 bytes that are no JSON (they begin with "pong!")',
    );
  });

  it("JSON is what is not named", () => {
    const { input, output, commonData } = allCodecs({ input: bytes });
    expect(input).toBe(bytes);
    expect(output.encode({ a: 1 })).toEqual(Buffer.from('{"a":1}'));
    expect(commonData.decode(Buffer.from("2"))).toBe(2);
  });
});
