import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../src/client/index.ts";
import { ObjectClient } from "../../src/client/objects.ts";
import { prepareCluster, startCluster, type TestCluster } from "../support/cluster.ts";
import { runToEnd } from "../support/python.ts";

const clusters: TestCluster[] = [];

afterEach(async () => {
  for (const cluster of clusters.splice(0).reverse()) await cluster.close();
});

const kept = (cluster: TestCluster): TestCluster => {
  clusters.push(cluster);
  return cluster;
};

describe("two session managers of two homes with one storage", () => {
  it("the second one is refused and told who has it; the first one serves on, and is followed when it is gone", async () => {
    const first = kept(await startCluster({ daemons: ["flame-session-manager"] }));
    const storage = `sqlite://${join(first.home, "data/flame.db")}`;
    const second = kept(await prepareCluster({ config: { cluster: { storage } } }));
    const { pid } = first.daemon("flame-session-manager");
    await expect(second.daemon("flame-session-manager").start()).rejects.toThrow();
    expect(second.daemon("flame-session-manager").log()).toMatch(
      new RegExp(
        `^Error: the database .*flame\\.db is in use: flame-session-manager \\(process ${pid} on host .*` +
          `FLAME_HOME "${first.home}".* holds .*flame\\.db\\.lock; stop it first \\(kill ${pid}\\)`,
        "m",
      ),
    );
    const client = new FlameClient({ endpoint: first.endpoint });
    await client.createSession({ application: "flmping" }, "of-the-first");
    client.close();

    await first.daemon("flame-session-manager").kill();
    await second.daemon("flame-session-manager").start();
    const other = new FlameClient({ endpoint: second.endpoint });
    expect((await other.getSession("of-the-first")).state).toBe("Open");
    other.close();
  });
});

describe("two object caches of two homes with one folder", () => {
  it("the second one is refused and told who has it; no lock is taken for an object", async () => {
    const first = kept(await startCluster({ daemons: ["flame-object-cache"] }));
    const storage = join(first.home, "data/objects");
    const second = kept(await prepareCluster({ config: { cache: { storage } } }));
    const { pid } = first.daemon("flame-object-cache");
    await expect(second.daemon("flame-object-cache").start()).rejects.toThrow();
    expect(second.daemon("flame-object-cache").log()).toMatch(
      new RegExp(`is in use: flame-object-cache \\(process ${pid} .* holds .*cache\\.lock`),
    );
    const objects = new ObjectClient({ endpoint: first.cacheEndpoint });
    const ref = await objects.put("app/ssn/x", Buffer.from("x"));
    expect((await objects.get(ref)).toString()).toBe("x");
    objects.close();
    await first.daemon("flame-object-cache").restart("SIGKILL");
    expect(first.daemon("flame-object-cache").log()).not.toContain("skipped a file");
  });
});

const reason = noNamespaces();
if (reason !== undefined) process.stderr.write(`shared-data.test.ts: skipped, ${reason}\n`);
const inNamespaces = reason === undefined ? describe : describe["skip"];

inNamespaces("one home in two PID namespaces, as two containers on one volume", () => {
  it.each(["flame-session-manager", "flame-object-cache"] as const)(
    "the second %s is refused and told that the holder is in another container",
    async (daemon) => {
      const cluster = kept(await startCluster({ daemons: [daemon] }));
      const program = join(cluster.home, "bin", daemon);
      const config = join(cluster.home, "conf/flame-cluster.yaml");
      const { code, stderr } = await runToEnd(
        "unshare",
        ["--pid", "--fork", "--mount-proc", "--kill-child", program, "--config", config],
        { env: cluster.env },
      );
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^Error: .* is in use: .*, in another container or on another machine, holds .*; stop it first/,
      );
      expect(cluster.daemon(daemon).serving).toBe(true);
    },
  );
});

/** Why no PID namespace can be made here; undefined when one can. */
function noNamespaces(): string | undefined {
  try {
    execFileSync("unshare", ["--pid", "--fork", "--mount-proc", "--kill-child", "true"], {
      stdio: "pipe",
    });
    return undefined;
  } catch (thrown) {
    return `no PID namespace can be made here: ${String((thrown as { stderr?: Buffer }).stderr ?? thrown).trim()}`;
  }
}
