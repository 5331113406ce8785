import { Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";
import {
  followsKey,
  followsMax,
  instanceKey,
  nodeCallerOf,
} from "../../../src/protocol/instance-key.ts";

const caller = (entries: Record<string, string>) => {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
  return nodeCallerOf(metadata, "127.0.0.1:7");
};

describe("who calls in the name of a node", () => {
  it("is read from metadata: its instance, and those before it that ended", () => {
    expect(caller({ [instanceKey]: "i3", [followsKey]: "i1,i2" })).toEqual({
      address: "127.0.0.1:7",
      instance: "i3",
      follows: ["i1", "i2"],
    });
  });

  it("is its address alone when it tells nothing that can be read", () => {
    expect(caller({})).toEqual({ address: "127.0.0.1:7" });
    expect(caller({ [instanceKey]: "two words", [followsKey]: ", two words," })).toEqual({
      address: "127.0.0.1:7",
    });
  });

  it("follows a bounded number", () => {
    const many = Array.from({ length: 1_000 }, (_, number) => `i${number}`).join(",");
    expect(caller({ [followsKey]: many }).follows).toHaveLength(followsMax);
  });
});
