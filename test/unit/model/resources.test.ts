import { describe, expect, it } from "@jest/globals";
import { formatResources, parseResources, parseSize } from "../../../src/model/resources.ts";

describe("parseResources", () => {
  it.each([
    ["cpu=2,mem=1g,gpu=1", { cpu: 2, memory: 1024 ** 3, gpu: 1 }],
    [" MEM=512m , CPU=1 ", { cpu: 1, memory: 512 * 1024 ** 2, gpu: 0 }],
    ["gpu=3", { cpu: 0, memory: 0, gpu: 3 }],
  ])("reads %s", (text, expected) => {
    expect(parseResources(text)).toEqual(expected);
  });

  it.each([
    ["cpu=one", /got "cpu=one", expected entries such as cpu=1,mem=1g,gpu=0/],
    ["cpu=-1", /got "cpu=-1"/],
    ["disk=1", /got "disk=1"/],
    ["cpu", /got "cpu"/],
    ["", /got ""/],
    ["mem=1x", /invalid size: got "1x"/],
    [
      "cpu=99999999999",
      /invalid resource requirement "cpu=99999999999": got cpu 99999999999, expected 0 to 2147483647/,
    ],
    ["mem=9000p", /got memory \d+, expected 0 to 9007199254740991/],
  ])("refuses %s, saying what is wrong", (text, message) => {
    expect(() => parseResources(text)).toThrow(message);
  });
});

describe("sizes", () => {
  it.each([
    ["512", 512],
    ["1.5g", 1.5 * 1024 ** 3],
    ["2Gi", 2 * 1024 ** 3],
    ["64MiB", 64 * 1024 ** 2],
    ["1kb", 1024],
  ])("reads %s as powers of 1024", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it("are shown in the largest unit that is not zero", () => {
    expect(formatResources({ cpu: 1, memory: 1536 * 1024 ** 2, gpu: 0 })).toBe(
      "cpu=1,mem=1Gi,gpu=0",
    );
    expect(formatResources({ cpu: 0, memory: 100, gpu: 2 })).toBe("cpu=0,mem=100B,gpu=2");
  });
});
