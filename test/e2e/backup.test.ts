import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../src/client/index.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

const daemons = ["flame-session-manager"] as const;
let cluster: TestCluster;

describe("flmctl backup", () => {
  beforeEach(async () => {
    cluster = await startCluster({ daemons });
  });
  afterEach(() => cluster.close());

  it("writes a copy while tasks are created; restored, it holds what was there", async () => {
    const client = new FlameClient({ endpoint: cluster.endpoint });
    const session = await client.createSession({ application: "flmexec" }, "kept");
    await Promise.all(Array.from({ length: 200 }, () => session.createTask(Buffer.alloc(1000))));
    const file = join(cluster.home, "copy.db");
    const more = Promise.all(Array.from({ length: 200 }, () => session.createTask()));
    const { code, stdout, stderr } = await cluster.run("flmctl", "backup", file);
    await more;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Database written to .*copy\.db \(\d+ bytes\)\.\n$/);
    expect(
      readdirSync(join(cluster.home, "data")).filter((name) => name.startsWith("backup-")),
    ).toEqual([]);

    await session.close();
    const manager = cluster.daemon("flame-session-manager");
    await manager.stop();
    const restored = await cluster.run("flame", "restore", file);
    expect(restored).toMatchObject({ code: 0, stderr: "" });
    expect(restored.stdout).toMatch(
      /^Database .*flame\.db restored from .*copy\.db; what was there is kept: .*flame\.db\.before-restore-\w+Z\n/,
    );
    await manager.start();
    const found = await client.getSession("kept");
    client.close();
    expect(found.state).toBe("Open");
    expect(found.pending).toBeGreaterThanOrEqual(200);
  });

  it("leaves no file behind where it cannot write one, and says why", async () => {
    const file = join(cluster.home, "no-such-folder", "copy.db");
    const { code, stderr } = await cluster.run("flmctl", "backup", file);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot write the backup to ${file}: ENOENT`);
  });

  it("writes a file that only its owner may read, over an older backup or an empty file", async () => {
    const file = join(cluster.home, "copy.db");
    writeFileSync(file, "", { mode: 0o644 });
    for (let times = 0; times < 2; times++)
      expect(await cluster.run("flmctl", "backup", file)).toMatchObject({ code: 0, stderr: "" });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("leaves alone what is no backup, and says what it is", async () => {
    const at = (name: string): string => join(cluster.home, name);
    writeFileSync(at("server.crt"), "-----BEGIN CERTIFICATE-----\n");
    mkdirSync(at("a-folder"));
    symlinkSync("server.crt", at("a-link"));
    const cases: readonly (readonly [string, string])[] = [
      [at("server.crt"), "it is there already and is no backup; remove it, or name another file"],
      [at("a-folder"), "it is a folder; name a file in it"],
      [at("a-link"), "it is a link; name the file itself, or another one"],
      ["/dev/null", "it is no file; name a file"],
      [at("data/flame.db"), "it is a database that is used as one, not a backup"],
    ];
    for (const [file, why] of cases) {
      const { code, stderr } = await cluster.run("flmctl", "backup", file);
      expect({ file, code, stderr }).toEqual({
        file,
        code: 1,
        stderr: expect.stringContaining(`Error: cannot write the backup to ${file}: ${why}`),
      });
    }
    for (const name of ["", "-"]) {
      const { code, stderr } = await cluster.run("flmctl", "backup", name);
      expect({ name, code }).toEqual({ name, code: 2 });
      expect(stderr).toContain(name === "" ? "got an empty name" : 'got "-"');
    }
    expect(readFileSync(at("server.crt"), "utf8")).toBe("-----BEGIN CERTIFICATE-----\n");
    expect(readdirSync(at("a-folder"))).toEqual([]);
  });
});

it("flmctl backup of a cluster without a database says so, and writes nothing", async () => {
  cluster = await startCluster({ daemons, config: { cluster: { storage: "none" } } });
  const file = join(cluster.home, "copy.db");
  const { code, stderr } = await cluster.run("flmctl", "backup", file);
  expect({ code, exists: existsSync(file) || existsSync(`${file}.part`) }).toEqual({
    code: 1,
    exists: false,
  });
  expect(stderr).toContain("there is no database to back up");
  await cluster.close();
});
