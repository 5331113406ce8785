import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../src/client/index.ts";
import { ObjectClient } from "../../src/client/objects.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

const daemons = ["flame-session-manager", "flame-object-cache"] as const;
let cluster: TestCluster;
let client: FlameClient;
let objects: ObjectClient;

const at = (...parts: string[]): string => join(cluster.home, ...parts);
const stop = async (): Promise<void> => {
  for (const name of daemons) await cluster.daemon(name).stop();
};
const start = async (): Promise<void> => {
  for (const name of daemons) await cluster.daemon(name).start();
};

beforeEach(async () => {
  cluster = await startCluster({ daemons });
  client = new FlameClient({ endpoint: cluster.endpoint });
  objects = new ObjectClient({ endpoint: cluster.cacheEndpoint });
});
afterEach(async () => {
  client.close();
  objects.close();
  await cluster.close();
});

describe("flame backup and flame restore", () => {
  it("bring back database, objects, configuration and packages as they were, and keep what was there", async () => {
    await client.createSession({ application: "flmping" }, "before");
    const ref = await objects.put("app/ssn/kept", Buffer.from("kept"));
    const packageFile = at("data/packages/abc/module.py");
    mkdirSync(at("data/packages/abc"), { recursive: true });
    mkdirSync(at("data/packages/.building-1"));
    writeFileSync(packageFile, "x = 1\n");
    symlinkSync("module.py", at("data/packages/abc/link.py"));

    const folder = at("whole");
    const backup = await cluster.run("flame", "backup", folder);
    expect(backup).toMatchObject({ code: 0, stderr: "" });
    expect(backup.stdout).toMatch(
      /^Backup of .* written to .*whole:\n {2}database: \d+ bytes\n {2}objects: \d+ files, \d+ bytes\n {2}conf: 1 files, \d+ bytes\n {2}packages: 1 files, 6 bytes\n$/,
    );
    expect(readdirSync(folder).sort()).toEqual([
      "backup.json",
      "conf",
      "flame.db",
      "objects",
      "packages",
    ]);
    expect(readdirSync(join(folder, "objects")).sort()).toEqual(["deleted.log", "pieces", "small"]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "flame.db")).mode & 0o777).toBe(0o600);

    await client.createSession({ application: "flmping" }, "after");
    await objects.delete("app/*");
    const laterRef = await objects.put("app/ssn/later", Buffer.from("later"));
    const running = await cluster.run("flame", "restore", folder);
    expect(running.code).toBe(1);
    expect(running.stderr).toMatch(
      /^Error: in .* there runs flame-object-cache \(process \d+\), flame-session-manager \(process \d+\): stop it first \(flame down, or kill \d+ \d+\)\n$/,
    );
    // As kill -9 leaves it, its last commits in the write-ahead log.
    for (const name of daemons) await cluster.daemon(name).kill();
    writeFileSync(at("conf/flame-cluster.yaml"), "cluster: { endpoint: nonsense }\n");
    rmSync(at("data/packages/abc"), { recursive: true });

    const restored = await cluster.run("flame", "restore", folder);
    expect(restored).toMatchObject({ code: 0, stderr: "" });
    const kept = [...restored.stdout.matchAll(/what was there is kept: (.*)\n/g)].map(
      ([, path]) => path ?? "",
    );
    expect(kept).toHaveLength(3);
    expect(kept.filter((path) => !existsSync(path))).toEqual([]);
    await start();
    expect((await client.getSession("before")).state).toBe("Open");
    await expect(client.getSession("after")).rejects.toMatchObject({ code: "not_found" });
    expect((await objects.get(ref)).toString()).toBe("kept");
    await expect(objects.get(laterRef)).rejects.toMatchObject({ code: "not_found" });
    expect(readFileSync(packageFile, "utf8")).toBe("x = 1\n");
    expect(readFileSync(at("data/packages/abc/link.py"), "utf8")).toBe("x = 1\n");
    expect(
      readFileSync(
        join(kept.find((path) => path.includes("/conf/")) ?? "", "flame-cluster.yaml"),
        "utf8",
      ),
    ).toContain("nonsense");
    for (const name of daemons) expect(cluster.daemon(name).log()).not.toContain("skipped a file");
  });

  it("refuse what is there already and what has lost a part, and change nothing", async () => {
    const folder = at("whole");
    await cluster.run("flame", "backup", folder);
    const again = await cluster.run("flame", "backup", folder);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(
      `cannot write the backup to ${folder}: it is there already; name a folder that is not there yet`,
    );
    await stop();
    rmSync(join(folder, "flame.db"));
    const lost = await cluster.run("flame", "restore", folder);
    expect(lost.code).toBe(1);
    expect(lost.stderr).toContain(`the backup ${folder} has lost its database`);
    writeFileSync(join(folder, "backup.json"), '{"format":99,"version":"9.9.9","parts":[]}');
    const future = await cluster.run("flame", "restore", folder);
    expect(future.stderr).toMatch(
      /got the format 99, expected 1: another version of Flame \(9\.9\.9\)/,
    );
    expect(readdirSync(at("data")).filter((name) => name.includes("restor"))).toEqual([]);
    expect(readdirSync(at("conf"))).toEqual(["flame-cluster.yaml"]);
    await start();
  });
});

it("flame restore of a damaged database's home is what the refused start says, and works", async () => {
  await client.createSession({ application: "flmping" }, "before");
  await cluster.run("flmctl", "backup", at("good.db"));
  await stop();
  writeFileSync(at("data/flame.db"), "rubbish, and more of it than a header has".repeat(100));
  const manager = cluster.daemon("flame-session-manager");
  await expect(manager.start()).rejects.toThrow();
  expect(manager.log()).toContain("put a backup in its place with flame restore FILE");
  expect(await cluster.run("flame", "restore", at("good.db"))).toMatchObject({ code: 0 });
  await start();
  expect((await client.getSession("before")).state).toBe("Open");
});

it("flame restore refuses a session manager of another home on the same database", async () => {
  await cluster.run("flmctl", "backup", at("good.db"));
  const other = await startCluster({ daemons: [] });
  try {
    const config = join(other.home, "conf/flame-cluster.yaml");
    const storage = { cluster: { storage: `sqlite://${at("data/flame.db")}` } };
    writeFileSync(config, JSON.stringify(storage));
    const { code, stderr } = await other.run("flame", "restore", at("good.db"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Error: the database .* is in use: flame-session-manager/);
  } finally {
    await other.close();
  }
});
