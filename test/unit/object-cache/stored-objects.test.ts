import { describe, expect, it } from "@jest/globals";
import type { DescribedPiece } from "../../../src/object-cache/piece-file.ts";
import { assembleObjects } from "../../../src/object-cache/stored-objects.ts";

/** `k@3` is a base of key k with version 3, `k+4` a patch. */
function piece(text: string): DescribedPiece {
  const [, key = "", sign, version] = /^(\w+)([@+])(\d+)$/.exec(text) ?? [];
  const kind = sign === "@" ? "base" : "patch";
  return {
    key,
    fileBytes: 1,
    piece: {
      id: text,
      kind,
      format: "opaque",
      version: Number(version),
      size: 1,
      crc32: 0,
      durable: true,
    },
  };
}

function assemble(files: string, deleted: Record<string, number> = {}) {
  const found = files.split(" ").map(piece);
  const { objects, leftovers, orphans } = assembleObjects(found, (key) => deleted[key] ?? 0);
  const ids = (pieces: readonly DescribedPiece[]) =>
    pieces.map(({ piece: { id } }) => id).join(" ");
  return {
    objects: objects.map(({ base, patches }) => [base, ...patches].map(({ id }) => id).join(" ")),
    leftovers: ids(leftovers),
    orphans: ids(orphans),
  };
}

describe("putting stored pieces together", () => {
  it("takes the newest base and the patches after it", () => {
    expect(assemble("k+3 k@2 j@1 k+4")).toEqual({
      objects: ["k@2 k+3 k+4", "j@1"],
      leftovers: "",
      orphans: "",
    });
  });

  it("leaves over what a crash kept from being removed after an update", () => {
    expect(assemble("k@1 k+2 k+3 k@4 k+5")).toEqual({
      objects: ["k@4 k+5"],
      leftovers: "k@1 k+2 k+3",
      orphans: "",
    });
  });

  it("finishes a delete that was recorded", () => {
    expect(assemble("k@1 k+2", { k: 2 })).toEqual({
      objects: [],
      leftovers: "k@1 k+2",
      orphans: "",
    });
    expect(assemble("k@1 k+2 k@3", { k: 2 })).toMatchObject({
      objects: ["k@3"],
      leftovers: "k@1 k+2",
    });
  });

  it("stops at a patch that is missing, and keeps the files behind it", () => {
    expect(assemble("k@1 k+2 k+4 k+5")).toEqual({
      objects: ["k@1 k+2"],
      leftovers: "",
      orphans: "k+4 k+5",
    });
  });

  it("makes no object of patches alone", () => {
    expect(assemble("k+2 k+3")).toEqual({ objects: [], leftovers: "", orphans: "k+2 k+3" });
  });
});
