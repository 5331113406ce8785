import { describe, expect, it } from "@jest/globals";
import { readManifests } from "../../../src/manifest/manifest.ts";
import { claimsOf } from "../../../src/manifest-directory/claims.ts";
import { Debounce } from "../../../src/manifest-directory/debounce.ts";
import { type ManifestFile, manifestFile } from "../../../src/manifest-directory/manifest-file.ts";

const file = (path: string, text: string): Promise<ManifestFile> =>
  manifestFile(path, Buffer.from(text), async (one) => readManifests(one));
const documents = (...names: string[]): string =>
  names.map((name) => `metadata: { name: ${name} }\nspec: { command: x }\n`).join("---\n");

describe("which file speaks for an application", () => {
  it("is each its own; of two the first, but the one that keeps it already before that", async () => {
    const files = [await file("/a", documents("x", "y")), await file("/b", documents("y", "z"))];
    const speakers = (keepers: Record<string, string>): Record<string, string> =>
      Object.fromEntries(
        [...claimsOf(files, new Map(Object.entries(keepers))).applications].map(
          ([name, { path }]) => [name, path],
        ),
      );
    expect(speakers({})).toEqual({ x: "/a", y: "/a", z: "/b" });
    expect(speakers({ y: "/b" })).toEqual({ x: "/a", y: "/b", z: "/b" });
    expect(speakers({ y: "/gone" })).toEqual({ x: "/a", y: "/a", z: "/b" });
    expect(claimsOf(files, new Map([["y", "/b"]])).faults).toEqual([
      {
        name: "y",
        path: "/a",
        reason: "got the application y, which /b has too and keeps; take it out of one of them",
      },
    ]);
  });

  it("is none of a file with any fault: the fault is of what it names and of what it keeps", async () => {
    const broken = await file(
      "/a",
      `${documents("x")}---\nmetadata: { name: y }\nspec: { comand: 1 }\n`,
    );
    const { applications, faults } = claimsOf([broken], new Map([["kept", "/a"]]));
    expect(applications.size).toBe(0);
    expect(faults.map(({ name }) => name)).toEqual(["y", "kept"]);
    expect(faults[0]?.reason).toMatch(/^5:9: spec\.comand: got the unknown key/);
    const nameless = claimsOf([await file("/a", "{")], new Map());
    expect(nameless.faults).toMatchObject([{ name: "", path: "/a" }]);
  });

  it("is none of a file that names an application twice", async () => {
    const twice = await file("/a", documents("x", "y", "x"));
    expect(twice).toEqual({
      path: "/a",
      ok: false,
      faults: [
        {
          name: "x",
          text: "got the application x in manifest 1 and in manifest 3, expected it once",
        },
      ],
    });
  });
});

describe("debounce", () => {
  it("lets a thing count when it has been so for its time without a break", () => {
    const debounce = new Debounce(300);
    const round = (keys: string[], now: number): [string[], number | undefined] => {
      const { due, nextMs } = debounce.round(keys, now);
      return [[...due], nextMs];
    };
    expect(round(["a"], 1000)).toEqual([[], 300]);
    expect(round(["a", "b"], 1200)).toEqual([[], 100]);
    expect(round(["a", "b"], 1300)).toEqual([["a"], 200]);
    expect(round(["b"], 1400)).toEqual([[], 100]);
    expect(round(["a", "b"], 1600)).toEqual([["b"], 300]);
    expect(round([], 1700)).toEqual([[], undefined]);
  });

  it("is not fooled by a clock that is set back", () => {
    const debounce = new Debounce(300);
    debounce.round(["a"], 10_000);
    expect(debounce.round(["a"], 5000)).toMatchObject({ nextMs: 300 });
  });
});
