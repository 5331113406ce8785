import { describe, expect, it } from "@jest/globals";
import { ApplicationBook, type ApplyApplication } from "../../../src/application-registry/index.ts";
import { manifestWithout } from "../../../src/application-registry/ownership.ts";
import { specOf } from "../../../src/manifest/application-schema.ts";
import type { ApplicationManifestSpec } from "../../../src/model/application-spec.ts";

const A = "/conf/a.yaml";
const B = "/conf/b.yaml";

const change = (
  name: string,
  manifest: ApplicationManifestSpec,
  extra: Partial<ApplyApplication> = {},
): ApplyApplication => ({
  name,
  manifest,
  spec: specOf(manifest),
  origin: "api",
  author: "alice",
  ...extra,
});
const by = (file: string, extra: Partial<ApplyApplication> = {}): Partial<ApplyApplication> => ({
  origin: "file",
  author: file,
  owner: file,
  ...extra,
});

/** What the file's last word makes of an application. */
function release(book: ApplicationBook, name: string, file: string, now: number): void {
  const manifest = manifestWithout(book.get(name), file);
  book.apply([change(name, manifest, by(file, { release: true }))], {}, now);
}

function bookWithDefault(manifest: ApplicationManifestSpec): ApplicationBook {
  const book = new ApplicationBook([]);
  book.seed([{ name: "a", manifest, spec: specOf(manifest), author: "defaults/a.yaml" }], 1);
  return book;
}

describe("an application that moves from one file to another", () => {
  it("is the other file's from then on, with what it set and as if that had made it, and no new revision", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a", { command: "x" }, by(A))], {}, 1);
    const [outcome] = book.apply(
      [change("a", { command: "x" }, by(B, { takesOver: A }))],
      { continueOnError: true },
      2,
    );
    expect(outcome?.action).toBe("unchanged");
    expect(book.get("a")).toMatchObject({
      revision: 1,
      owner: B,
      createdBy: B,
      fieldOwners: { command: { origin: "file", author: B } },
    });
  });

  it("is changed on the way without counting as forced", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a", { command: "x" }, by(A))], {}, 1);
    book.apply([change("a", { command: "y" }, by(B, { takesOver: A }))], {}, 2);
    expect(book.get("a")).toMatchObject({ revision: 2, owner: B, cause: { kind: "apply" } });
  });

  it("cannot be taken over from a third", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a", {}, by("/elsewhere.yaml"))], {}, 1);
    const takeOver = change("a", {}, by(B, { takesOver: A }));
    expect(() => book.apply([takeOver], {}, 2)).toThrow("is kept by /elsewhere.yaml");
  });

  it("was made by somebody else, and stays so", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a", {})], {}, 1);
    book.apply([change("a", {}, by(A))], {}, 2);
    book.apply([change("a", {}, by(B, { takesOver: A }))], {}, 3);
    expect(book.get("a")).toMatchObject({ owner: B });
    expect(book.get("a").createdBy).toBeUndefined();
  });
});

describe("an application whose file lets go of it", () => {
  it("goes back to the shipped values in what the file set, removed or added, and keeps what others set", () => {
    const shipped = { command: "uv", environments: { A: "1", B: "2" }, labels: ["shipped"] };
    const book = bookWithDefault(shipped);
    const edited = { ...shipped, description: "by hand" };
    book.apply([change("a", edited)], {}, 2);
    const file = { command: "mine", environments: { A: "1", C: "3" }, description: "by hand" };
    book.apply([change("a", file, by(A))], {}, 3);
    release(book, "a", A, 4);
    const record = book.get("a");
    expect(record.manifest).toEqual(edited);
    expect(record).toMatchObject({ revision: 4, cause: { kind: "release" }, author: A });
    expect("owner" in record).toBe(false);
    expect(record.fieldOwners).toEqual({
      command: { origin: "default", author: "defaults/a.yaml" },
      "environments.A": { origin: "default", author: "defaults/a.yaml" },
      "environments.B": { origin: "default", author: "defaults/a.yaml" },
      labels: { origin: "default", author: "defaults/a.yaml" },
      description: { origin: "api", author: "alice" },
    });
  });

  it("stays as it is when the file had changed nothing in it", () => {
    const book = bookWithDefault({ command: "uv" });
    book.apply([change("a", { command: "uv" }, by(A))], {}, 2);
    expect(book.get("a").owner).toBe(A);
    release(book, "a", A, 3);
    expect(book.get("a")).toMatchObject({ revision: 1, cause: { kind: "seed" } });
    expect("owner" in book.get("a")).toBe(false);
  });

  it("keeps what somebody forced over the file", () => {
    const book = bookWithDefault({ command: "uv" });
    book.apply([change("a", { command: "file" }, by(A))], {}, 2);
    book.apply([change("a", { command: "forced" }, { force: true })], {}, 3);
    release(book, "a", A, 4);
    expect(book.get("a").manifest).toEqual({ command: "forced" });
  });

  it("stays whole when it is not a shipped one", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a", { command: "x" })], {}, 1);
    book.apply([change("a", { command: "y", labels: ["l"] }, by(A))], {}, 2);
    release(book, "a", A, 3);
    expect(book.get("a")).toMatchObject({ revision: 2, manifest: { command: "y", labels: ["l"] } });
    expect("owner" in book.get("a")).toBe(false);
  });

  it("can be changed by anybody afterwards", () => {
    const book = new ApplicationBook([]);
    book.apply([change("a", {}, by(A))], {}, 1);
    book.apply([change("a", {}, by(A, { release: true }))], {}, 2);
    expect(book.update(change("a", { command: "x" }), 0, 3).revision).toBe(2);
    expect(book.get("a").createdBy).toBeUndefined();
  });
});
