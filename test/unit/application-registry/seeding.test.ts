import { describe, expect, it } from "@jest/globals";
import {
  ApplicationBook,
  planSeed,
  type RegisterApplication,
  type SeedApplication,
  type SeedOutcome,
} from "../../../src/application-registry/index.ts";
import { specOf } from "../../../src/manifest/application-schema.ts";
import { checkManifest } from "../../../src/manifest/manifest.ts";
import type { ApplicationRecord } from "../../../src/model/application.ts";
import type { ApplicationManifestSpec } from "../../../src/model/application-spec.ts";
import { FlameError } from "../../../src/model/errors.ts";

const edit = (manifest: ApplicationManifestSpec): RegisterApplication => ({
  name: "app",
  manifest,
  spec: specOf(manifest),
  origin: "api",
  author: "ann (127.0.0.1:5000)",
});
const shipped = (manifest: ApplicationManifestSpec): SeedApplication => ({
  name: "app",
  manifest,
  spec: specOf(manifest),
  author: "defaults/app.yaml",
});

/** As the shell does it: what the plan merges is checked, and carried out on the revision that was looked at. */
function seed(book: ApplicationBook, manifest: ApplicationManifestSpec, now = 100): SeedOutcome {
  const before = book.find("app");
  const plan = planSeed(before, manifest);
  const input = { ...shipped(manifest), expectedRevision: before?.revision ?? 0 };
  if (plan.action !== "merged") return only(book.seed([input], now)).outcome;
  const merge = checkManifest({ metadata: { name: "app" }, spec: plan.manifest });
  if (!merge.ok) throw new Error(JSON.stringify(merge.faults));
  return only(book.seed([{ ...input, merge }], now)).outcome;
}

function only<T>(list: readonly T[]): T {
  const [one] = list;
  if (one === undefined || list.length > 1) throw new Error(`got ${list.length}, expected one`);
  return one;
}

/** A book in which `base` was seeded and then, unless it is the same, changed to `mine`. */
function edited(base: ApplicationManifestSpec, mine: ApplicationManifestSpec): ApplicationBook {
  const book = new ApplicationBook([]);
  seed(book, base, 1);
  book.update(edit(mine), 0, 2);
  return book;
}

const present = (book: ApplicationBook): ApplicationRecord => book.get("app");
const base: ApplicationManifestSpec = {
  description: "first",
  command: "uv",
  arguments: ["run"],
  environments: { A: "1", B: "2" },
  max_instances: 10,
};

describe("what becomes of a default application", () => {
  it("that is absent: it is created", () => {
    const book = new ApplicationBook([]);
    expect(seed(book, base, 7)).toEqual({ name: "app", action: "created" });
    expect(present(book)).toMatchObject({
      origin: "default",
      author: "defaults/app.yaml",
      cause: { kind: "seed" },
      revision: 1,
      creationTime: 7,
      manifest: base,
      lastSeeded: base,
    });
  });

  it("beside one that somebody registered: the others are created all the same", () => {
    const book = new ApplicationBook([]);
    book.register(edit({ command: "mine" }), 1);
    const defaults = ["app", "flmping", "flmexec"].map((name) => ({ ...shipped(base), name }));
    const results = book.seed(defaults, 7);
    expect(results.map(({ outcome }) => [outcome.name, outcome.action])).toEqual([
      ["app", "kept-edited"],
      ["flmping", "created"],
      ["flmexec", "created"],
    ]);
    expect(present(book).manifest).toEqual({ command: "mine" });
  });

  it("that is as shipped: nothing changes, start after start", () => {
    const book = new ApplicationBook([]);
    seed(book, base);
    const before = present(book);
    const next = new ApplicationBook(book.list());
    expect(seed(next, base)).toEqual({ name: "app", action: "unchanged" });
    expect(present(next)).toBe(before);
  });

  it("that nobody changed: it follows, as a revision of its own", () => {
    const book = new ApplicationBook([]);
    seed(book, base, 7);
    const newer = { ...base, command: "uvx", labels: ["new"] };
    const before = present(book);
    const [result] = book.seed([shipped(newer)], 8);
    expect(result?.outcome).toEqual({
      name: "app",
      action: "followed",
      followed: ["command", "labels"],
    });
    expect(result?.before).toBe(before);
    expect(present(book)).toMatchObject({
      revision: 2,
      creationTime: 7,
      revisionTime: 8,
      manifest: newer,
      spec: specOf(newer),
      lastSeeded: newer,
    });
  });

  it("that was changed in one field while another one changed in the shipped file: it keeps the one and follows in the other", () => {
    const book = edited(base, { ...base, max_instances: 99 });
    expect(seed(book, { ...base, description: "second" })).toEqual({
      name: "app",
      action: "merged",
      followed: ["description"],
      kept: ["max_instances"],
    });
    expect(present(book)).toMatchObject({
      revision: 3,
      origin: "default",
      author: "defaults/app.yaml",
      manifest: { ...base, description: "second", max_instances: 99 },
      lastSeeded: { ...base, description: "second" },
    });
  });

  it("that was changed in the field that changed in the shipped file too: the change made here stays", () => {
    const book = edited(base, { ...base, max_instances: 99 });
    const before = present(book);
    const newer = { ...base, max_instances: 20 };
    expect(seed(book, newer)).toEqual({
      name: "app",
      action: "kept-edited",
      kept: ["max_instances"],
    });
    expect(present(book)).toEqual({ ...before, lastSeeded: newer });
    expect(seed(book, { ...newer, description: "third" })).toMatchObject({
      action: "merged",
      followed: ["description"],
    });
    expect(present(book).manifest.max_instances).toBe(99);
  });

  it("that was changed while the shipped file stayed: it stays as it is", () => {
    const book = edited(base, { command: "mine" });
    const before = present(book);
    expect(seed(book, base).action).toBe("kept-edited");
    expect(seed(book, base).action).toBe("kept-edited");
    expect(present(book)).toBe(before);
  });

  it("that has another variable of its own: each variable is a field", () => {
    const mine = { ...base, environments: { A: "1", B: "mine", OWN: "x" } };
    const book = edited(base, mine);
    const newer = { ...base, environments: { A: "11", B: "22", NEW: "n" } };
    expect(seed(book, newer)).toMatchObject({
      action: "merged",
      followed: ["environments.A", "environments.NEW"],
      kept: ["environments.B", "environments.OWN"],
    });
    expect(present(book).manifest.environments).toEqual({
      A: "11",
      B: "mine",
      NEW: "n",
      OWN: "x",
    });
  });

  it("that has another attached schema: each of the three is a field", () => {
    const text = (title: string): string => JSON.stringify({ title });
    const book = edited(
      { schema: { input: text("a"), output: text("b") } },
      { schema: { input: text("mine"), output: text("b") } },
    );
    seed(book, { schema: { input: text("c"), output: text("d"), common_data: text("e") } });
    expect(present(book).manifest.schema).toEqual({
      input: text("mine"),
      output: text("d"),
      common_data: text("e"),
    });
  });

  it("whose labels were changed: a list is one field", () => {
    const book = edited({ labels: ["a"] }, { labels: ["a", "mine"] });
    expect(seed(book, { labels: ["a", "b"], description: "d" }).kept).toEqual(["labels"]);
    expect(present(book).manifest).toEqual({ description: "d", labels: ["a", "mine"] });
  });

  it("whose program was changed here: command, arguments, working_directory, url, installer, shim and image stay together", () => {
    const book = edited(base, { ...base, command: "/opt/mine" });
    const newer: ApplicationManifestSpec = {
      ...base,
      arguments: ["run", "--offline"],
      url: "file:///new.whl",
      installer: "python",
      working_directory: "/new",
      image: "new",
      shim: "Wasm",
      labels: ["new"],
    };
    expect(seed(book, newer)).toMatchObject({
      action: "merged",
      followed: ["labels"],
      kept: ["command", "arguments", "url", "installer", "working_directory", "image", "shim"].sort(
        (a, b) => keys(newer).indexOf(a) - keys(newer).indexOf(b),
      ),
    });
    expect(present(book).manifest).toEqual({ ...base, command: "/opt/mine", labels: ["new"] });
  });

  it("whose program changed in the shipped file: all of it follows, whatever else was changed here", () => {
    const book = edited(base, { ...base, environments: { A: "mine", B: "2" } });
    const newer = { ...base, command: "uvx", arguments: [], url: "file:///new.whl" };
    seed(book, newer);
    expect(present(book).manifest).toEqual({ ...newer, environments: { A: "mine", B: "2" } });
  });

  it("of which a field was taken away here: it stays away", () => {
    const { max_instances: _taken, ...mine } = base;
    const book = edited(base, mine);
    expect(seed(book, { ...base, max_instances: 20, description: "second" })).toMatchObject({
      action: "merged",
      kept: ["max_instances"],
    });
    expect(present(book).manifest).toEqual({ ...mine, description: "second" });
    expect(present(book).fieldOwners["max_instances"]).toEqual({
      origin: "api",
      author: "ann (127.0.0.1:5000)",
    });
  });

  it("of which the shipped file takes a field away: it goes, unless it was changed here", () => {
    const { description: _one, max_instances: _two, ...less } = base;
    const book = edited(base, { ...base, max_instances: 99 });
    expect(seed(book, less)).toMatchObject({
      action: "merged",
      followed: ["description"],
      kept: ["max_instances"],
    });
    expect(present(book).manifest).toEqual({ ...less, max_instances: 99 });
  });

  it("that was changed to what the next shipped file says: it counts as shipped, and follows from then on", () => {
    const newer = { ...base, command: "uvx" };
    const book = edited(base, newer);
    expect(seed(book, newer)).toEqual({ name: "app", action: "unchanged" });
    expect(present(book)).toMatchObject({ revision: 2, origin: "api", lastSeeded: newer });
    expect(seed(book, base).action).toBe("followed");
  });

  it("whose change was taken back: it follows again", () => {
    const book = edited(base, { ...base, command: "mine" });
    book.update(edit(base), 0, 9);
    expect(seed(book, { ...base, command: "uvx" }).action).toBe("followed");
  });

  it("that somebody registered under its name before: it stays whole until it is as shipped", () => {
    const book = new ApplicationBook([]);
    const own = book.register(edit({ command: "own" }), 1);
    for (const file of [base, { ...base, command: "uvx" }]) {
      expect(seed(book, file)).toEqual({ name: "app", action: "kept-edited", kept: [] });
      expect(present(book)).toBe(own);
    }
    book.update(edit(base), 0, 2);
    expect(seed(book, base).action).toBe("unchanged");
    expect(seed(book, { ...base, command: "uvx" }).action).toBe("followed");
  });

  it("that a file or a tool keeps: it stays as that says", () => {
    const book = new ApplicationBook([]);
    seed(book, base);
    const mine = { ...base, max_instances: 99 };
    const owned = { ...edit(mine), origin: "file", owner: "conf/applications/app.yaml" } as const;
    book.apply([owned], {}, 5);
    const before = present(book);
    expect(seed(book, { ...base, description: "second" })).toMatchObject({ action: "kept-edited" });
    expect(present(book)).toBe(before);
  });

  it("that was unregistered: it is created again at the next start", () => {
    const book = new ApplicationBook([]);
    seed(book, base);
    book.unregister("app", 0);
    expect(seed(book, base, 8).action).toBe("created");
    expect(present(book).creationTime).toBe(8);
  });

  it("that is to go with its last session: it is enabled again", () => {
    const book = edited(base, { ...base, max_instances: 99 });
    for (const file of [base, { ...base, max_instances: 99 }, { ...base, description: "second" }]) {
      book.remove({ name: "app", author: "alice", whenUnused: true }, 1);
      expect(present(book).state).toBe("Disabled");
      seed(book, file);
      expect(present(book).state).toBe("Enabled");
    }
    const own = new ApplicationBook([]);
    own.register(edit({ command: "own" }), 1);
    own.remove({ name: "app", author: "alice", whenUnused: true }, 1);
    seed(own, base);
    expect(present(own).state).toBe("Disabled");
  });

  it("that says the same in other words: that is no change", () => {
    const said: ApplicationManifestSpec = { ...base, shim: "Host", labels: [] };
    const book = edited(base, said);
    const before = present(book);
    expect(seed(book, base).action).toBe("unchanged");
    expect(present(book)).toBe(before);
    expect(seed(book, { ...base, command: "uvx" })).toMatchObject({ action: "followed" });
    expect(present(book).manifest).toEqual({ ...base, command: "uvx" });
  });
});

describe("the fields of a default application after a merge", () => {
  it("belong to the shipped default where it was followed, and to whoever changed them elsewhere", () => {
    const book = edited(base, { ...base, environments: { A: "mine", B: "2" } });
    seed(book, { ...base, description: "second", environments: { A: "11", B: "22" } });
    const admin = { origin: "api", author: "ann (127.0.0.1:5000)" };
    const file = { origin: "default", author: "defaults/app.yaml" };
    expect(present(book).fieldOwners).toEqual({
      description: file,
      command: file,
      arguments: file,
      "environments.A": admin,
      "environments.B": file,
      max_instances: file,
    });
  });
});

describe("a merge", () => {
  const newer = { ...base, description: "second" };
  const merge = (spec: ApplicationManifestSpec): SeedApplication => ({
    ...shipped(newer),
    expectedRevision: 2,
    merge: { manifest: spec, spec: specOf(spec) },
  });
  const book = (): ApplicationBook => edited(base, { ...base, max_instances: 99 });

  it("is refused when the application was changed since, and nothing else is seeded either", () => {
    const changed = book();
    changed.update(edit({ ...base, max_instances: 100 }), 0, 3);
    const before = present(changed);
    const other = { ...shipped(base), name: "other" };
    for (const input of [
      merge({ ...newer, max_instances: 99 }),
      { ...shipped(newer), expectedRevision: 0 },
      { ...shipped(newer), expectedRevision: 3 },
    ]) {
      let code = "";
      try {
        changed.seed([other, input], 9);
      } catch (thrown) {
        code = FlameError.from(thrown).code;
      }
      expect(code).toBe("aborted");
      expect(present(changed)).toBe(before);
      expect(changed.find("other")).toBeUndefined();
    }
  });

  it("that a plugin's hooks turned back into what is there is no revision", () => {
    const same = book();
    const [result] = same.seed([merge({ ...base, max_instances: 99 })], 9);
    expect(result?.outcome.action).toBe("kept-edited");
    expect(present(same)).toMatchObject({ revision: 2, lastSeeded: newer });
  });
});

function keys(manifest: ApplicationManifestSpec): string[] {
  return Object.keys(manifest);
}
