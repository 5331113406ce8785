import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../src/client/index.ts";
import { ObjectClient } from "../../src/client/objects.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.close());

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

/** Asked of a child: to ask in this process would set it. */
const ownUmask = (): number => Number.parseInt(execFileSync("sh", ["-c", "umask"]).toString(), 8);

/** Whatever somebody else could open below a folder, from its own permissions alone. */
function openToOthers(folder: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((statSync(path).mode & 0o007) !== 0) found.push(path);
  }
  return found;
}

describe("what daemons write", () => {
  it("is closed to other users of the machine; what tasks write has the mode that their user is used to", async () => {
    const result = await cluster.python(
      "import flamepy, os\n" +
        "from flamepy import RunnerContext, RunnerRequest\n" +
        `def write():\n    open(${JSON.stringify(join(cluster.home, "of-a-task"))}, "w").close()\n    return os.getpid()\n` +
        'ssn = flamepy.create_session("flmrun", RunnerContext(execution_object=write))\n' +
        "ssn.invoke(RunnerRequest(method=None)).get()\n" +
        "ssn.close()\n",
    );
    expect(result).toMatchObject({ code: 0 });
    const objects = new ObjectClient({ endpoint: cluster.cacheEndpoint });
    await objects.put("app/ssn/x", Buffer.from("x"));
    objects.close();

    for (const name of ["data", "logs", "run"]) {
      expect({ name, mode: modeOf(join(cluster.home, name)) }).toEqual({ name, mode: "700" });
    }
    for (const name of [
      "flame.db",
      "flame.db-wal",
      "flame.db-shm",
      "flame.db.lock",
      "flame.db.lock.json",
    ])
      expect({ name, mode: modeOf(join(cluster.home, "data", name)) }).toEqual({
        name,
        mode: "600",
      });
    expect(openToOthers(join(cluster.home, "data/objects"))).toEqual([]);
    expect(modeOf(join(cluster.home, "of-a-task"))).toBe((0o666 & ~ownUmask()).toString(8));
  });

  it("of an earlier version is closed at the next start; what its owner closed to others stays", async () => {
    const manager = cluster.daemon("flame-session-manager");
    await manager.stop();
    chmodSync(join(cluster.home, "data"), 0o755);
    chmodSync(join(cluster.home, "logs"), 0o750);
    chmodSync(join(cluster.home, "data/flame.db"), 0o644);
    writeFileSync(join(cluster.home, "data/of-mine"), "");
    await manager.start();
    expect(modeOf(join(cluster.home, "data"))).toBe("700");
    expect(modeOf(join(cluster.home, "logs"))).toBe("750");
    const client = new FlameClient({ endpoint: cluster.endpoint });
    await client.createSession({ application: "flmping" });
    client.close();
    for (const end of ["", "-wal", "-shm"])
      expect(modeOf(join(cluster.home, `data/flame.db${end}`))).toBe("600");
  });
});
