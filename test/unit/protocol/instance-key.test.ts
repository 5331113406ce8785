import { Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";
import {
  followsKey,
  followsMax,
  instanceKey,
  nodeInstanceOf,
} from "../../../src/protocol/instance-key.ts";

const told = (entries: Record<string, string>) => {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return nodeInstanceOf(metadata);
};

describe("the start of an executor manager that calls", () => {
  it("is read from metadata: its instance, and those before it that ended", () => {
    expect(told({ [instanceKey]: "i3", [followsKey]: "i1,i2" })).toEqual({
      instance: "i3",
      follows: ["i1", "i2"],
    });
  });

  it("is nothing when it tells nothing that can be read", () => {
    expect(told({})).toEqual({});
    expect(told({ [instanceKey]: "two words", [followsKey]: ", two words," })).toEqual({});
  });

  it("follows a bounded number", () => {
    const many = Array.from({ length: 1_000 }, (_, number) => `i${number}`).join(",");
    expect(told({ [followsKey]: many }).follows).toHaveLength(followsMax);
  });
});
