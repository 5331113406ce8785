import { readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ObjectClient, type ObjectRef } from "../../src/client/objects.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { type Daemon } from "../support/daemon.ts";
import { waitFor } from "../support/wait-for.ts";

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

let cluster: TestCluster;
let daemon: Daemon;
let client: ObjectClient;

beforeEach(async () => {
  cluster = await startCluster({ daemons: ["flame-object-cache"] });
  daemon = cluster.daemon("flame-object-cache");
  client = new ObjectClient({ endpoint: cluster.cacheEndpoint, callTimeoutMs: 20_000 });
});

afterEach(async () => {
  client.close();
  await cluster.close();
});

const folder = (name: string) => join(cluster.home, "data/objects", name);

/** A put whose cache is killed fails, or was acknowledged: both are fine, only the latter is counted. */
async function putUntilRefused(writer: number, acknowledged: Map<string, ObjectRef>) {
  for (let round = 0; ; round++) {
    const key = `app/kill/${writer}-${round % 5}`;
    try {
      const content = Buffer.alloc(1 + ((round * 7919) % 200_000), `${writer}:${round};`);
      acknowledged.set(key, await client.put(key, content));
    } catch {
      return;
    }
  }
}

/** The most memory that the daemon ever held, in bytes. */
function peakMemory(): number {
  const status = readFileSync(`/proc/${daemon.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Puts and gets zeros with a Python client, and prints the most memory that it held, in bytes, after each. */
const largeObject = (bytes: number) => `
import resource
from flamepy.core.cache import put_object, get_object
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
ref = put_object("app/ssn", bytes(${bytes}))
print(peak() - before)
content = get_object(ref)
assert len(content) == ${bytes} and not any(content[:: 1 << 20]), len(content)
print(peak() - before)
`;

describe("a large object", () => {
  it("needs at most twice its size in memory with the TypeScript client", async () => {
    const idle = peakMemory();
    const large = Buffer.alloc(128 * MiB, "flame");
    for (let round = 0; round < 2; round++) {
      const ref = await client.put("app/ssn/large", large);
      expect(large.equals(await client.get(ref))).toBe(true);
    }
    // One part of a message is in memory twice.
    expect((peakMemory() - idle) / large.length).toBeLessThan(2);
  });

  it.each([
    // The published client sends it as one message, and holds value and message.
    { who: "published", cacheMax: 4, putMax: 3, getMax: 6 },
    { who: "ours", cacheMax: 0.5, putMax: 1.3, getMax: 1.3 },
  ] as const)(
    "of 1 GiB needs at most $cacheMax times its size in the cache when the client is $who",
    async ({ who, cacheMax, putMax, getMax }) => {
      const run = await cluster.python(largeObject(GiB), who, { deadlineMs: 300_000 });
      expect({ code: run.code, stderr: run.code === 0 ? "" : run.stderr }).toEqual({
        code: 0,
        stderr: "",
      });
      expect(peakMemory() / GiB).toBeLessThan(cacheMax);
      const [put = Number.NaN, get = Number.NaN] = run.stdout.trim().split("\n").map(Number);
      expect(put / GiB).toBeLessThan(putMax);
      expect(get / GiB).toBeLessThan(getMax);
    },
    360_000,
  );
});

describe("kill -9 of the object cache", () => {
  it("takes back no put that was acknowledged, and leaves nothing half-done", async () => {
    const acknowledged = new Map<string, ObjectRef>();
    for (let kill = 0; kill < 3; kill++) {
      const before = acknowledged.size;
      const writers = [0, 1, 2, 3].map((writer) =>
        putUntilRefused(writer + 4 * kill, acknowledged),
      );
      await waitFor("puts in every key", () => acknowledged.size >= before + 20);
      await daemon.kill();
      await Promise.all(writers);
      await daemon.start();
      for (const [key, ref] of acknowledged) {
        const change = await client.fetch({ ...ref, version: 0 }, 0);
        expect({ key, kind: change.kind }).toEqual({ key, kind: "full" });
        // The one put that was under way may have become the next version.
        const ahead = change.kind === "full" ? change.version - ref.version : -1;
        expect([0, 1]).toContain(ahead);
      }
    }
    expect(readdirSync(folder("tmp"))).toEqual([]);
    // Smaller ones share a log.
    const hasFile = ({ bytes }: { bytes: number }): boolean => bytes >= 128 * 1024;
    const files = (await client.list()).filter(hasFile);
    expect(readdirSync(folder("pieces"))).toHaveLength(files.length);
  });

  it("takes back no put with durable: false, of any size", async () => {
    const refs: ObjectRef[] = [];
    const sizes = [0, 100, 100_000, 200_000, 20 * MiB];
    for (const size of sizes) {
      refs.push(await client.put("app/ssn", Buffer.alloc(size, `${size}`), { durable: false }));
    }
    for (let kill = 0; kill < 2; kill++) {
      await daemon.kill();
      await daemon.start();
      for (const [at, ref] of refs.entries()) {
        const size = sizes[at] ?? Number.NaN;
        expect((await client.get(ref)).equals(Buffer.alloc(size, `${size}`))).toBe(true);
      }
    }
  });

  it("takes back no delete", async () => {
    const ref = await client.put("app/ssn/x", Buffer.from("x"));
    await client.delete("app/*");
    await daemon.kill();
    await daemon.start();
    await expect(client.get(ref)).rejects.toMatchObject({ code: "not_found" });
    expect((await client.put("app/ssn/x", Buffer.from("y"))).version).toBe(2);
  });

  it("is survived with a file that was torn meanwhile: the others are served, and the log names it", async () => {
    await client.put("app/ssn/torn", Buffer.alloc(200_000));
    const [torn = ""] = readdirSync(folder("pieces"));
    const whole = await client.put("app/ssn/whole", Buffer.from("whole"));
    await daemon.kill();
    truncateSync(join(folder("pieces"), torn), 500);
    await daemon.start();
    expect((await client.get(whole)).toString()).toBe("whole");
    await expect(client.get({ ...whole, key: "app/ssn/torn" })).rejects.toMatchObject({
      code: "not_found",
    });
    expect(daemon.log()).toContain(torn);
  });

  it("ends with exit code 0 on SIGTERM, and refuses a second one in the same home", async () => {
    const second = daemon.log().length;
    const other = await cluster.run(
      "flame-object-cache",
      "--config",
      join(cluster.home, "conf/flame-cluster.yaml"),
    );
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining("already runs in") });
    expect(daemon.log()).toHaveLength(second);
    expect(await daemon.stop()).toBe(0);
  });
});
