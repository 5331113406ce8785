import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { FlameError } from "../../../src/model/errors.ts";
import { type DirectoryUnderTest, startDirectory, yaml } from "./directory-under-test.ts";

async function refusal(call: Promise<unknown>): Promise<string> {
  const thrown = await call.then(
    () => undefined,
    (error: unknown) => FlameError.from(error),
  );
  if (thrown === undefined) throw new Error("nothing was thrown");
  return thrown.message;
}

describe("a file of the administrator directory", () => {
  let directory: DirectoryUnderTest;
  beforeAll(async () => {
    directory = await startDirectory();
  });
  afterAll(() => directory.close());

  it("is applied in a folder that was not there at the start, and again with each save", async () => {
    directory.write("live.yaml", yaml("live", { command: "/bin/a" }));
    const first = await directory.until("live", () => true);
    const file = directory.path("live.yaml");
    expect(first).toMatchObject({
      owner: file,
      revision: { number: 1, origin: "file", author: file, cause: "apply" },
      fieldOwners: [{ path: "command", origin: "file", author: file }],
      faults: [],
    });
    directory.write("live.yaml", yaml("live", { command: "/bin/b" }));
    const second = await directory.until("live", ({ revision }) => revision.number === 2);
    expect(second.revision.manifest).toContain("/bin/b");
    await directory.caughtUp();
    expect((await directory.client.registry.revisions("live")).length).toBe(2);
  });

  it("may begin working_directory with ${FLAME_HOME}, and may be JSON or .yml", async () => {
    directory.write("home.json", yaml("home", { working_directory: "${FLAME_HOME}/work/x" }));
    directory.write("second.yml", yaml("second"));
    const { revision } = await directory.until("home", () => true);
    expect(revision.manifest).toContain(`${directory.manager.home}/work/x`);
    await directory.until("second", () => true);
  });

  it("that becomes invalid leaves its applications as they were last good and tells file, line and reason", async () => {
    directory.write("good.yaml", `${yaml("good1", { command: "x" })}---\n${yaml("good2")}`);
    await directory.until("good2", () => true);
    const broken =
      "metadata:\n  name: good1\nspec:\n  comand: y\n---\nmetadata: { name: new }\nspec: { command: x }\n";
    directory.write("good.yaml", broken);
    const fault = await directory.fault("good1", "did you mean");
    expect(fault.source).toBe(directory.path("good.yaml"));
    expect(fault.reason).toMatch(/^4:3: spec\.comand: got the unknown key "comand"/);
    await directory.fault("good2", "4:3: spec.comand");
    expect(directory.log.join("\n")).toContain(
      `${directory.path("good.yaml")}:4:3: spec.comand: got the unknown key "comand"`,
    );
    const kept = await directory.until("good1", () => true);
    expect(kept.revision).toMatchObject({ number: 1 });
    expect(await directory.application("new")).toBeUndefined();

    directory.write("good.yaml", broken.replace("comand", "command"));
    await directory.until("new", ({ faults }) => faults.length === 0);
    const mended = await directory.until("good1", ({ faults }) => faults.length === 0);
    expect(mended.revision.number).toBe(2);
    await directory.gone("good2");
  });

  it("with a part of a shipped application is refused: that stays whole, and the text says how to begin", async () => {
    const before = await directory.client.registry.get("flmrun");
    directory.write("flmrun.yaml", "metadata:\n  name: flmrun\nspec:\n  max_instances: 4\n");
    const { reason } = await directory.fault("flmrun", "spec.command: got nothing");
    expect(reason).toMatch(/^3:1: spec\.command: .*: flmctl get app flmrun$/);
    const { revision, owner } = await directory.client.registry.get("flmrun");
    expect([revision, owner]).toEqual([before.revision, undefined]);
    expect(revision.manifest).toContain("/bin/uv");
    // What the text tells to do does it.
    const { out } = await directory.manager.flmctl("get", "app", "flmrun");
    directory.write("flmrun.yaml", `${out}  max_instances: 4\n`);
    const after = await directory.until("flmrun", ({ faults }) => faults.length === 0);
    const lines = (text: string): readonly string[] => text.trimEnd().split("\n").sort();
    expect(lines(after.revision.manifest)).toEqual(
      lines(`${before.revision.manifest}  max_instances: 4\n`),
    );
    directory.remove("flmrun.yaml");
    await directory.until("flmrun", ({ revision: { number } }) => number > after.revision.number);
  });

  it("with something that will not do what it seems to is applied, and the log warns of it once", async () => {
    const warned = (): number =>
      directory.log.filter((line) => line.includes('application "warned"')).length;
    directory.write("warned.yaml", yaml("warned", { max_instances: 0, labels: ["a", "a"] }));
    await directory.until("warned", () => true);
    await directory.caughtUp();
    expect(directory.log).toContain(
      'application "warned": spec.max_instances: got 0, expected at least 1, or no max_instances for no limit; no service of it is ever started: the tasks of its sessions stay Pending; spec.labels[1]: got "a" again, as in labels[0], expected each label once; it shows as two tags',
    );
    directory.write("warned.yaml", `# saved again\n${yaml("warned", { max_instances: 0 })}`);
    await directory.until("warned", ({ revision }) => revision.number === 2);
    await directory.caughtUp();
    expect(warned()).toBe(2);
    directory.remove("warned.yaml");
    await directory.gone("warned");
  });

  it("that is broken does not hold up the others", async () => {
    directory.write("a-broken.yaml", "metadata: { name: [ }\n");
    directory.write("b-fine.yaml", yaml("fine"));
    await directory.until("fine", () => true);
    const { source } = await directory.fault("", "1:");
    expect([directory.path("a-broken.yaml"), directory.path("zz-caught-up.yaml")]).toContain(
      source,
    );
    directory.remove("a-broken.yaml");
    await directory.caughtUp();
    const faults = (await directory.application(""))?.faults ?? [];
    expect(faults.map((one) => one.source)).toEqual([directory.path("zz-caught-up.yaml")]);
  });

  it("takes with it what it made when it is removed", async () => {
    directory.write("short.yaml", yaml("short-lived"));
    await directory.until("short-lived", () => true);
    directory.remove("short.yaml");
    await directory.gone("short-lived");
    expect(directory.log.join("\n")).toContain("removed short-lived");
  });

  it("hands an application over to the file that its document moves to, without a new revision", async () => {
    directory.write("from.yaml", `${yaml("stays")}---\n${yaml("moves", { command: "x" })}`);
    await directory.until("moves", () => true);
    directory.write("to.yaml", yaml("moves", { command: "x" }));
    directory.write("from.yaml", yaml("stays"));
    const moved = await directory.until(
      "moves",
      ({ owner }) => owner === directory.path("to.yaml"),
    );
    expect(moved.revision.number).toBe(1);
    renameSync(directory.path("to.yaml"), directory.path("to-2.yaml"));
    await directory.until("moves", ({ owner }) => owner === directory.path("to-2.yaml"));
    directory.remove("to-2.yaml");
    await directory.gone("moves");
    expect((await directory.until("stays", () => true)).revision.number).toBe(1);
  });

  it("that names an application of another file is at fault, and the other keeps it", async () => {
    directory.write("m-first.yaml", yaml("contested", { command: "first" }));
    await directory.until("contested", () => true);
    directory.write("a-second.yaml", yaml("contested", { command: "second" }));
    const fault = await directory.fault("contested", "m-first.yaml has too and keeps");
    expect(fault.source).toBe(directory.path("a-second.yaml"));
    expect((await directory.until("contested", () => true)).revision.number).toBe(1);
    directory.remove("m-first.yaml");
    const taken = await directory.until(
      "contested",
      ({ owner }) => owner === directory.path("a-second.yaml"),
    );
    expect(taken.revision.manifest).toContain("second");
    await directory.until("contested", ({ faults }) => faults.length === 0);
  });

  it("stands against changes by the API, by name; a forced one is recorded and lasts until the next save", async () => {
    const { client } = directory;
    directory.write("kept.yaml", yaml("kept", { command: "file" }));
    await directory.until("kept", () => true);
    const file = directory.path("kept.yaml");
    expect(await refusal(client.updateApplication("kept", { command: "api" }))).toContain(file);
    expect(await refusal(client.unregisterApplication("kept"))).toContain(file);
    const manifest = yaml("kept", { command: "forced" });
    expect(await refusal(client.registry.apply([{ manifest }]))).toContain(file);
    await client.registry.apply([{ manifest }], { force: true });
    await directory.caughtUp();
    const forced = await directory.until("kept", () => true);
    expect(forced).toMatchObject({ owner: file, revision: { number: 2, forced: true } });
    directory.write("kept.yaml", yaml("kept", { command: "file" }));
    await directory.until("kept", ({ revision }) => revision.number === 3 && !revision.forced);
  });

  it("waits for an application that somebody else keeps, with a fault, and takes it when it is free", async () => {
    const { client } = directory;
    await client.registry.apply([{ manifest: yaml("tools") }], { owner: "a-tool" });
    directory.write("tools.yaml", yaml("tools", { command: "file" }));
    await directory.fault("tools", "is kept by a-tool");
    await client.registry.remove("tools", { owner: "a-tool" });
    const file = directory.path("tools.yaml");
    const taken = await directory.until("tools", ({ owner }) => owner === file);
    expect(taken.revision.number).toBe(1);
    await directory.until("tools", ({ faults }) => faults.length === 0);
  });

  it("removed with open sessions lets them end: no new ones, gone with the last", async () => {
    const { client } = directory;
    directory.write("busy.yaml", yaml("busy"));
    await directory.until("busy", () => true);
    const session = await client.createSession({ application: "busy" });
    directory.remove("busy.yaml");
    await directory.until("busy", ({ state }) => state === "Disabled");
    await expect(client.createSession({ application: "busy" })).rejects.toThrow();
    await client.closeSession(session.id);
    await directory.gone("busy");
  });

  it("that comes back while sessions are open enables its application again", async () => {
    const { client } = directory;
    directory.write("back.yaml", yaml("back"));
    await directory.until("back", () => true);
    const session = await client.createSession({ application: "back" });
    directory.remove("back.yaml");
    await directory.until("back", ({ state }) => state === "Disabled");
    directory.write("back.yaml", yaml("back"));
    await directory.until("back", ({ state }) => state === "Enabled");
    await client.closeSession(session.id);
    await directory.caughtUp();
    expect((await directory.application("back"))?.revision).toBeDefined();
  });

  it("lets go of what it did not make: a default goes back to what is shipped, the API's stays", async () => {
    const { client } = directory;
    const before = await directory.until("flmping", () => true);
    await client.registerApplication("by-hand", { command: "/bin/hand" });
    directory.write(
      "both.yaml",
      `${yaml("flmping", { command: "/bin/mine" })}---\n${yaml("by-hand", { command: "/bin/file" })}`,
    );
    await directory.until("by-hand", ({ owner }) => owner !== undefined);
    const managed = await directory.until("flmping", ({ owner }) => owner !== undefined);
    expect(managed.drift.length).toBeGreaterThan(0);
    directory.remove("both.yaml");
    const after = await directory.until("flmping", ({ owner }) => owner === undefined);
    expect(after.revision.manifest).toBe(before.revision.manifest);
    expect(after).toMatchObject({
      drift: [],
      fieldOwners: before.fieldOwners,
      revision: { cause: "release" },
    });
    const hand = await directory.until("by-hand", ({ owner }) => owner === undefined);
    expect(hand.revision).toMatchObject({ number: 2 });
    expect(hand.revision.manifest).toContain("/bin/file");
    await client.updateApplication("by-hand", { command: "/bin/hand" });
  });

  it("is not gone with its folder: everything stays, with a fault, until that is back", async () => {
    directory.write("volume.yaml", yaml("on-volume"));
    await directory.until("on-volume", () => true);
    const elsewhere = `${directory.folder}.away`;
    renameSync(directory.folder, elsewhere);
    await directory.fault("on-volume", "the folder is gone");
    expect((await directory.until("on-volume", () => true)).state).toBe("Enabled");
    rmSync(join(elsewhere, "volume.yaml"));
    renameSync(elsewhere, directory.folder);
    await directory.gone("on-volume");
  });
});

describe("the administrator directory at the start", () => {
  it("is applied before clients see the cluster, and what was removed meanwhile is noticed", async () => {
    const directory = await startDirectory({
      prepare: (home) => {
        mkdirSync(join(home, "conf/applications"), { recursive: true });
        for (const name of ["a", "b"]) {
          writeFileSync(join(home, `conf/applications/${name}.yaml`), yaml(name, { command: "x" }));
        }
        writeFileSync(
          join(home, "conf/applications/flmping.yaml"),
          yaml("flmping", { command: "y" }),
        );
      },
    });
    const names = async (): Promise<string[]> =>
      (await directory.client.listApplications()).map(({ name }) => name).sort();
    try {
      expect(await names()).toEqual(["a", "b", "flmexec", "flmping", "flmrun"]);
      await directory.manager.restart();
      expect((await directory.until("a", () => true)).revision.number).toBe(1);
      await directory.manager.restart(() => {
        directory.remove("a.yaml");
        directory.remove("flmping.yaml");
        directory.write("b.yaml", yaml("b", { command: "changed" }));
        directory.write("c.yaml", "metadata: { name: c }\nspec: { comand: x }\n");
      });
      expect(await names()).toEqual(["b", "flmexec", "flmping", "flmrun"]);
      expect(await directory.application("b")).toMatchObject({ revision: { number: 2 } });
      expect(await directory.application("c")).toMatchObject({
        faults: [{ source: directory.path("c.yaml") }],
      });
      expect(await directory.application("flmping")).toMatchObject({ drift: [] });
      expect((await directory.until("flmping", () => true)).owner).toBeUndefined();
    } finally {
      await directory.close();
    }
  });

  it("can lie elsewhere, and can be switched off", async () => {
    const prepare = (home: string): void => {
      mkdirSync(join(home, "conf/applications"), { recursive: true });
      mkdirSync(join(home, "apps"));
      writeFileSync(join(home, "conf/applications/usual.yaml"), yaml("usual"));
      writeFileSync(join(home, "apps/elsewhere.yaml"), yaml("elsewhere"));
    };
    const seen = async (plugin: object): Promise<string[]> => {
      const cluster = { plugins: [{ name: "application-directory", ...plugin }] };
      const directory = await startDirectory({ prepare, cluster });
      const applications = await directory.client.listApplications();
      await directory.close();
      return applications.map(({ name }) => name).filter((name) => !name.startsWith("flm"));
    };
    expect(await seen({ options: { folder: "apps" } })).toEqual(["elsewhere"]);
    expect(await seen({ enabled: false })).toEqual([]);
    await expect(seen({ options: { floder: "x" } })).rejects.toThrow('did you mean "folder"?');
  });
});
