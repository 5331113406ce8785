import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { waitFor } from "../../support/wait-for.ts";
import { type DirectoryUnderTest, startDirectory, yaml } from "./directory-under-test.ts";

let directory: DirectoryUnderTest;
beforeAll(async () => {
  directory = await startDirectory();
  mkdirSync(directory.folder, { recursive: true });
});
afterAll(() => directory.close());

const revisionOf = async (name: string): Promise<number | undefined> =>
  (await directory.application(name))?.revision?.number;

describe("what editors do in the administrator directory", () => {
  it("changes nothing by temporary files, locks and backups", async () => {
    directory.write("edited.yaml", yaml("edited"));
    await directory.until("edited", () => true);
    const litter = [
      ".edited.yaml.swp",
      ".edited.yaml.swx",
      "4913",
      "edited.yaml~",
      "#edited.yaml#",
      ".#edited.yaml",
      "~edited.yaml",
      "edited.yaml.bak",
      "edited.yaml.tmp",
      "edited.yaml___jb_tmp___",
      "sedA1b2C3",
    ];
    for (const name of litter) writeFileSync(directory.path(name), yaml(`litter-${name.length}`));
    await directory.caughtUp();
    const applications = await directory.client.listApplications();
    expect(applications.filter(({ name }) => name.startsWith("litter"))).toEqual([]);
    for (const name of litter) directory.remove(name);
    await directory.caughtUp();
    expect(await revisionOf("edited")).toBe(1);
  });

  it("takes an atomic save (a renamed file), and one through a backup that is renamed back, as one change", async () => {
    directory.write("atomic.yaml", yaml("atomic", { command: "1" }));
    await directory.until("atomic", () => true);
    writeFileSync(directory.path(".atomic.tmp"), yaml("atomic", { command: "2" }));
    renameSync(directory.path(".atomic.tmp"), directory.path("atomic.yaml"));
    await directory.until("atomic", ({ revision }) => revision.manifest.includes('"2"'));
    renameSync(directory.path("atomic.yaml"), directory.path("atomic.yaml~"));
    writeFileSync(directory.path("atomic.yaml"), yaml("atomic", { command: "3" }));
    directory.remove("atomic.yaml~");
    await directory.until("atomic", ({ revision }) => revision.manifest.includes('"3"'));
    await directory.caughtUp();
    const revisions = await directory.client.registry.revisions("atomic");
    expect(revisions.map(({ number, cause }) => [number, cause])).toEqual([
      [3, "apply"],
      [2, "apply"],
      [1, "apply"],
    ]);
  });

  it("waits for a save in pieces: neither its first half nor the empty file before it count", async () => {
    const first = `${yaml("pieces-1", { command: "1" })}---\n${yaml("pieces-2", { command: "1" })}`;
    directory.write("pieces.yaml", first);
    await directory.until("pieces-2", () => true);
    const told = directory.log.length;
    const next = first.replaceAll('"1"', '"2"');
    truncateSync(directory.path("pieces.yaml"));
    const file = openSync(directory.path("pieces.yaml"), "a");
    // Half of it is a valid file that no longer holds the second application.
    const middle = next.indexOf("---");
    for (const part of [next.slice(0, 10), next.slice(10, middle), next.slice(middle)]) {
      writeSync(file, part);
      await delay(5);
    }
    closeSync(file);
    await directory.until("pieces-2", ({ revision }) => revision.manifest.includes('"2"'));
    await directory.caughtUp();
    expect([await revisionOf("pieces-1"), await revisionOf("pieces-2")]).toEqual([2, 2]);
    expect(directory.log.slice(told).filter((line) => line.includes("pieces.yaml"))).toEqual([]);
  });

  it("makes no revision of a save that changes no manifest", async () => {
    directory.write("same.yaml", yaml("same", { command: "1" }));
    await directory.until("same", () => true);
    directory.write("same.yaml", `# a comment\n${yaml("same", { command: "1" })}`);
    appendFileSync(directory.path("same.yaml"), "# another\n");
    await directory.caughtUp();
    expect(await revisionOf("same")).toBe(1);
  });

  it("calls what it cannot use by name: no file, no text, no target, nothing in it", async () => {
    mkdirSync(directory.path("folder.yaml"));
    writeFileSync(
      directory.path("latin1.yaml"),
      Buffer.from("metadata: { name: caf\xe9 }", "latin1"),
    );
    symlinkSync(directory.path("nowhere"), directory.path("dangling.yaml"));
    directory.write("empty.yaml", "# nothing yet\n");
    const source = async (text: string): Promise<string> =>
      (await directory.fault("", text)).source;
    expect(await source("no file")).toBe(directory.path("folder.yaml"));
    expect(await source("not UTF-8")).toBe(directory.path("latin1.yaml"));
    expect(await source("a link that leads nowhere")).toBe(directory.path("dangling.yaml"));
    expect(await source("got an empty text")).toBe(directory.path("empty.yaml"));
    for (const file of ["latin1.yaml", "dangling.yaml", "empty.yaml"]) directory.remove(file);
    rmSync(directory.path("folder.yaml"), { recursive: true });
    await directory.caughtUp();
  });

  it("keeps applications whose file is emptied: only a removed file takes them along", async () => {
    directory.write("emptied.yaml", yaml("emptied"));
    await directory.until("emptied", () => true);
    directory.write("emptied.yaml", "");
    await directory.fault("emptied", "got an empty text");
    expect((await directory.until("emptied", () => true)).state).toBe("Enabled");
  });
});

describe("a directory of links, as a config map is", () => {
  const version = (name: string, files: Readonly<Record<string, string>>): void => {
    mkdirSync(directory.path(name));
    for (const [file, text] of Object.entries(files))
      writeFileSync(join(directory.path(name), file), text);
    symlinkSync(name, directory.path("..data_tmp"));
    renameSync(directory.path("..data_tmp"), directory.path("..data"));
  };

  it("changes as a whole when its link is flipped, and not at all when nothing in it changed", async () => {
    version("..1", {
      "cm1.yaml": yaml("cm1", { command: "1" }),
      "cm2.yaml": yaml("cm2", { command: "1" }),
    });
    for (const file of ["cm1.yaml", "cm2.yaml"])
      symlinkSync(join("..data", file), directory.path(file));
    await directory.until("cm2", () => true);
    version("..2", {
      "cm1.yaml": yaml("cm1", { command: "1" }),
      "cm2.yaml": yaml("cm2", { command: "2" }),
    });
    rmSync(directory.path("..1"), { recursive: true });
    await directory.until("cm2", ({ revision }) => revision.manifest.includes('"2"'));
    version("..3", {
      "cm1.yaml": yaml("cm1", { command: "1" }),
      "cm2.yaml": yaml("cm2", { command: "2" }),
    });
    rmSync(directory.path("..2"), { recursive: true });
    await directory.caughtUp();
    expect([await revisionOf("cm1"), await revisionOf("cm2")]).toEqual([1, 2]);
    expect((await directory.until("cm1", () => true)).owner).toBe(directory.path("cm1.yaml"));
    version("..4", { "cm1.yaml": yaml("cm1", { command: "1" }) });
    directory.remove("cm2.yaml");
    await directory.gone("cm2");
    expect(await revisionOf("cm1")).toBe(1);
  });

  it("follows a link to a file elsewhere, whose own folder is watched", async () => {
    const target = join(directory.manager.home, "elsewhere.yaml");
    writeFileSync(target, yaml("linked", { command: "1" }));
    symlinkSync(target, directory.path("linked.yaml"));
    await directory.until("linked", () => true);
    await directory.caughtUp();
    writeFileSync(target, yaml("linked", { command: "2" }));
    const changed = await directory.until("linked", ({ revision }) => revision.number === 2);
    expect(changed.owner).toBe(directory.path("linked.yaml"));
  });
});

describe("many files at once", () => {
  const count = 1000;
  const names = Array.from({ length: count }, (_one, index) => `many-${index}`);
  const many = async (): Promise<{ name: string; revision: number; state: string }[]> => {
    const all = await directory.client.registry.list();
    return all.flatMap((one) =>
      one.revision !== undefined && one.name.startsWith("many-")
        ? [{ name: one.name, revision: one.revision.number, state: one.state }]
        : [],
    );
  };
  const until = (what: string, probe: (found: Awaited<ReturnType<typeof many>>) => boolean) =>
    waitFor(what, async () => probe(await many()), { deadlineMs: 60_000, intervalMs: 50 });

  it("are applied, changed, left alone and removed: each once, none missed", async () => {
    for (const name of names) directory.write(`${name}.yaml`, yaml(name, { command: "1" }));
    await until("all are there", (found) => found.length === count);
    for (const name of names) directory.write(`${name}.yaml`, yaml(name, { command: "1" }));
    await directory.caughtUp();
    expect((await many()).filter(({ revision }) => revision !== 1)).toEqual([]);
    for (const name of names) directory.write(`${name}.yaml`, yaml(name, { command: "2" }));
    await until("all are changed", (found) => found.every(({ revision }) => revision === 2));
    await directory.caughtUp();
    expect((await many()).filter(({ revision }) => revision !== 2)).toEqual([]);
    const kept = names.slice(0, 10);
    for (const name of names.slice(10)) directory.remove(`${name}.yaml`);
    await until("the removed are gone", (found) => found.length === kept.length);
    expect((await many()).map(({ name }) => name)).toEqual([...kept].sort());
  });
});
