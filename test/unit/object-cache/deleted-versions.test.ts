import { describe, expect, it } from "@jest/globals";
import { DeletedVersions, deletedKeysMax } from "../../../src/object-cache/deleted-versions.ts";

describe("the versions of deleted keys", () => {
  it("are known by key", () => {
    const deleted = new DeletedVersions();
    deleted.add([{ key: "a", version: 3 }]);
    deleted.add([{ key: "a", version: 2 }]);
    expect([deleted.last("a"), deleted.last("b")]).toEqual([3, 0]);
  });

  it("fold into a floor for all keys when there are too many, so that none is ever used twice", () => {
    const deleted = new DeletedVersions();
    deleted.add([{ key: "first", version: 7 }]);
    deleted.add(
      Array.from({ length: deletedKeysMax }, (_, index) => ({ key: `k${index}`, version: 1 })),
    );
    expect(deleted.entries()).toHaveLength(deletedKeysMax);
    expect([deleted.last("first"), deleted.last("never seen"), deleted.floor]).toEqual([7, 7, 7]);
    // A remembered key below the floor may keep its own count.
    expect(deleted.last("k0")).toBe(1);
  });
});
