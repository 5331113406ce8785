import { copyFileSync, existsSync, readdirSync, rmSync } from "node:fs";
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

  it("writes a copy while tasks are created; put in the database's place, it holds what was there", async () => {
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
    for (const ending of ["-wal", "-shm"])
      rmSync(join(cluster.home, `data/flame.db${ending}`), { force: true });
    copyFileSync(file, join(cluster.home, "data/flame.db"));
    await manager.start();
    const restored = await client.getSession("kept");
    client.close();
    expect(restored.state).toBe("Open");
    expect(restored.pending).toBeGreaterThanOrEqual(200);
  });

  it("leaves no file behind where it can not write one, and says why", async () => {
    const file = join(cluster.home, "no-such-folder", "copy.db");
    const { code, stderr } = await cluster.run("flmctl", "backup", file);
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot write ${file}.part`);
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
