import { describe, expect, it } from "@jest/globals";
import { manifestCharsMax } from "../../../src/application-registry/application-book.ts";
import {
  ApplicationBook,
  type RegisterApplication,
} from "../../../src/application-registry/index.ts";
import { sameDocument } from "../../../src/application-registry/same-document.ts";
import { specOf } from "../../../src/manifest/application-schema.ts";
import type { ApplicationManifestSpec } from "../../../src/model/application-spec.ts";
import { FlameError } from "../../../src/model/errors.ts";

const input = (name: string, manifest: ApplicationManifestSpec = {}): RegisterApplication => ({
  name,
  manifest,
  spec: specOf(manifest),
  origin: "api",
  author: "anonymous (127.0.0.1:5000)",
});

function refusal(action: () => unknown): { code: string; message: string } {
  try {
    action();
  } catch (thrown) {
    const { code, message } = FlameError.from(thrown);
    return { code, message };
  }
  throw new Error("nothing was thrown");
}

describe("the book of applications", () => {
  it("counts the characters of its manifests from what it is told of those that it begins with", () => {
    const long = { description: "d".repeat(100) };
    const before = new ApplicationBook([]);
    const records = ["a", "b"].map((name) => before.register(input(name, long), 1));
    const book = new ApplicationBook(records, 10, before.manifestChars);
    expect(book.manifestChars).toBe(2 * JSON.stringify(long).length);
    expect(new ApplicationBook(records).manifestChars).toBe(book.manifestChars);
    book.unregister("a", 0);
    book.update(input("b", {}), 0, 2);
    expect(book.manifestChars).toBe(JSON.stringify({}).length);
    expect(book.list().map(({ name, revision }) => [name, revision])).toEqual([["b", 2]]);
  });

  it("registers a new application as its first revision, Enabled", () => {
    const book = new ApplicationBook([]);
    const record = book.register(input("a", { url: "file:///x" }), 1000);
    expect(record).toEqual({
      name: "a",
      state: "Enabled",
      creationTime: 1000,
      revision: 1,
      revisionTime: 1000,
      origin: "api",
      author: "anonymous (127.0.0.1:5000)",
      cause: { kind: "register" },
      fieldOwners: { url: { origin: "api", author: "anonymous (127.0.0.1:5000)" } },
      manifest: { url: "file:///x" },
      spec: specOf({ url: "file:///x" }),
    });
    expect("lastSeeded" in record).toBe(false);
    expect(book.get("a")).toBe(record);
    expect(Object.isFrozen(record)).toBe(true);
  });

  it("refuses a name that exists and changes nothing", () => {
    const book = new ApplicationBook([]);
    const first = book.register(input("a"), 1);
    expect(refusal(() => book.register(input("a", { command: "x" }), 2))).toEqual({
      code: "already_exists",
      message: 'application "a" already exists; update it, or unregister it first',
    });
    expect(book.get("a")).toBe(first);
  });

  it("replaces the whole manifest on update and keeps name, state and creation time", () => {
    const book = new ApplicationBook([]);
    book.register(input("a", { url: "file:///x", labels: ["l"] }), 1);
    const next = book.update({ ...input("a", { command: "c" }), author: "other" }, 0, 5);
    expect(next).toMatchObject({
      creationTime: 1,
      revision: 2,
      revisionTime: 5,
      author: "other",
      state: "Enabled",
    });
    expect(next.manifest).toEqual({ command: "c" });
    expect("url" in next.spec).toBe(false);
    expect(next.spec.labels).toEqual([]);
  });

  it("does not count the same manifest again as a revision", () => {
    const book = new ApplicationBook([]);
    const first = book.register(input("a", { environments: { A: "1", B: "2" } }), 1);
    expect(book.update(input("a", { environments: { B: "2", A: "1" } }), 0, 2)).toBe(first);
  });

  it("refuses update and unregister while sessions are open, with their count", () => {
    const book = new ApplicationBook([]);
    const first = book.register(input("a"), 1);
    expect(refusal(() => book.update(input("a", { command: "x" }), 3, 2))).toEqual({
      code: "invalid_state",
      message:
        '3 open sessions in the application "a": it can be updated when they are closed; flmctl apply -f FILE changes it at once, and leaves open sessions with the revision that they were created with',
    });
    expect(refusal(() => book.unregister("a", 1)).message).toContain(
      "1 open session in the application",
    );
    expect(book.get("a")).toBe(first);
  });

  it("says not found for unknown names, those of the language's own objects included", () => {
    const book = new ApplicationBook([]);
    for (const name of ["x", "__proto__", "constructor", ""]) {
      expect(refusal(() => book.get(name)).message).toContain("not found");
      expect(refusal(() => book.update(input(name), 0, 1)).code).toBe("not_found");
      expect(refusal(() => book.unregister(name, 0)).code).toBe("not_found");
      expect(book.find(name)).toBeUndefined();
    }
  });

  it("lists by name, and forgets what was unregistered", () => {
    const book = new ApplicationBook([]);
    for (const name of ["b", "c", "a", "B"]) book.register(input(name), 1);
    book.unregister("c", 0);
    expect(book.list().map((record) => record.name)).toEqual(["B", "a", "b"]);
    expect(book.register(input("c"), 2).revision).toBe(1);
  });

  it("is full at its limit, and says so", () => {
    const book = new ApplicationBook([], 2);
    for (const name of ["a", "b"]) book.register(input(name), 1);
    expect(refusal(() => book.register(input("c"), 1))).toEqual({
      code: "resource_exhausted",
      message: expect.stringContaining("expected at most 2 (cluster.limits.max_applications)"),
    });
    book.unregister("a", 0);
    expect(book.register(input("c"), 1).name).toBe("c");
  });

  it("is full when all manifests together are too long, and says so", () => {
    const half = { description: "d".repeat(manifestCharsMax / 2) };
    const book = new ApplicationBook([]);
    book.register(input("a", half), 1);
    expect(refusal(() => book.register(input("b", half), 1))).toEqual({
      code: "resource_exhausted",
      message: expect.stringContaining(`at most ${manifestCharsMax} are kept`),
    });
    book.register(input("b"), 1);
    expect(refusal(() => book.update(input("b", half), 0, 1)).code).toBe("resource_exhausted");
    expect(book.update(input("a"), 0, 1).revision).toBe(2);
    expect(book.update(input("b", half), 0, 1).revision).toBe(2);
    const { manifestChars } = book;
    book.unregister("b", 0);
    expect(book.manifestChars).toBeLessThan(manifestChars - manifestCharsMax / 2);
  });

  it("starts from what the store holds", () => {
    const first = new ApplicationBook([]);
    first.register(input("a"), 1);
    expect(new ApplicationBook(first.list()).get("a").creationTime).toBe(1);
  });
});

describe("equality of documents", () => {
  it("looks at values, not at the order of keys", () => {
    expect(sameDocument({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toBe(true);
    expect(sameDocument({ a: undefined }, {})).toBe(true);
    for (const [a, b] of [
      [[1], { 0: 1 }],
      [
        [1, 2],
        [2, 1],
      ],
      [{ a: 1 }, { b: 1 }],
      [null, {}],
      ["1", 1],
      [{}, []],
    ]) {
      expect(sameDocument(a, b)).toBe(false);
    }
  });
});
