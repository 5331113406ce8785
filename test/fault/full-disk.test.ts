import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { FlameClient, type Session } from "../../src/client/index.ts";
import { ObjectClient, type ObjectRef } from "../../src/client/objects.ts";
import { prepareCluster, startCluster, type TestCluster } from "../support/cluster.ts";
import { noSmallDisk, type SmallDisk, smallDisk } from "../support/small-disk.ts";
import { waitFor } from "../support/wait-for.ts";

const mib = 1024 * 1024;
const daemons = ["flame-executor-manager", "flame-object-cache", "flame-session-manager"] as const;
const patienceMs = 60_000;
const reason = noSmallDisk();
if (reason !== undefined) process.stderr.write(`full-disk.test.ts: skipped, ${reason}\n`);
const onSmallDisk = reason === undefined ? describe : describe["skip"];

let cluster: TestCluster | undefined;
let disk: SmallDisk | undefined;
const closing: { close(): void }[] = [];

afterEach(async () => {
  for (const one of closing.splice(0)) one.close();
  for (const name of daemons) await cluster?.daemon(name).stop();
  // It may lie in the home that goes with the cluster.
  disk?.remove();
  await cluster?.close();
  cluster = undefined;
  disk = undefined;
});

function connect(to: TestCluster): FlameClient {
  const client = new FlameClient({ endpoint: to.endpoint, callTimeoutMs: patienceMs });
  closing.push(client);
  return client;
}

/** Creates tasks until one is not acknowledged, and returns those that were. */
async function fillWithTasks(session: Session): Promise<string[]> {
  const acknowledged: string[] = [];
  for (;;) {
    try {
      acknowledged.push((await session.createTask(Buffer.alloc(64 * 1024))).id);
    } catch {
      return acknowledged;
    }
  }
}

onSmallDisk("the session manager's storage", () => {
  async function start(): Promise<{ cluster: TestCluster; disk: SmallDisk; session: Session }> {
    disk = smallDisk(4 * mib);
    const config = { cluster: { storage: `sqlite://${join(disk.path, "flame.db")}` } };
    cluster = await startCluster({ daemons: ["flame-session-manager"], config });
    const session = await connect(cluster).createSession({ application: "flmping" });
    return { cluster, disk, session };
  }

  it("that is full ends it with one line that says so, and loses nothing that was acknowledged", async () => {
    const { cluster, disk, session } = await start();
    const manager = cluster.daemon("flame-session-manager");
    const acknowledged = await fillWithTasks(session);
    expect(acknowledged.length).toBeGreaterThan(10);
    await waitFor("its end", () => !manager.running);
    expect(manager.log()).toMatch(/^Error: .*flame\.db failed: database or disk is full/m);

    disk.resize(64 * mib);
    await manager.start();
    const found: string[] = [];
    for await (const task of session.listTasks()) found.push(task.id);
    expect(found).toEqual(expect.arrayContaining(acknowledged));
    expect((await session.get()).pending).toBe(found.length);
    await session.createTask(Buffer.alloc(64 * 1024));
  });

  it("that is read-only refuses the start by name until it can be written", async () => {
    const { cluster, disk, session } = await start();
    const manager = cluster.daemon("flame-session-manager");
    const { id } = await session.createTask();
    // A file system with files that are open for writing can not be made read-only by hand.
    await manager.stop();
    disk.setReadOnly(true);
    const logged = manager.log().length;
    manager.spawn();
    await waitFor("its end", () => !manager.running, { deadlineMs: patienceMs });
    expect(manager.log().slice(logged)).toMatch(
      /^Error: InvalidConfig\("cannot open the database/m,
    );
    disk.setReadOnly(false);
    await manager.start();
    expect((await session.getTask(id)).state).toBe("Pending");
  });
});

onSmallDisk("the executor manager's home", () => {
  it("that is full is told in the session's events, and the session goes on when there is room", async () => {
    cluster = await prepareCluster();
    const run = join(cluster.home, "run");
    disk = smallDisk(mib, run);
    for (const name of ["flame-session-manager", "flame-executor-manager"] as const)
      await cluster.daemon(name).start();
    disk.fill();
    const session = await connect(cluster).createSession({ application: "flmping" });
    const task = session.run();
    const told = await waitFor(
      "the event",
      async () => (await session.get()).events.find(({ code }) => code === 1001),
      { deadlineMs: patienceMs },
    );
    expect(told.message).toMatch(/ENOSPC|no space left/);
    rmSync(join(run, "filling"));
    expect((await task).state).toBe("Succeed");
    await session.close();
  });

  it("whose logs are on a full disk loses logs, not tasks", async () => {
    cluster = await startCluster();
    const session = await connect(cluster).createSession({ application: "flmping" });
    disk = smallDisk(64 * 1024, join(cluster.home, "logs/executors"));
    disk.fill();
    expect((await session.run()).state).toBe("Succeed");
    await session.close();
  });
});

onSmallDisk("the object cache's storage", () => {
  async function start(): Promise<{ disk: SmallDisk; objects: ObjectClient; kept: ObjectRef }> {
    disk = smallDisk(4 * mib);
    const config = { cache: { storage: disk.path } };
    cluster = await startCluster({ daemons: ["flame-object-cache"], config });
    const objects = new ObjectClient({ endpoint: cluster.cacheEndpoint });
    closing.push(objects);
    return { disk, objects, kept: await objects.put("app/ssn/kept", Buffer.from("kept")) };
  }

  it("that is full refuses the put, keeps what it has and leaves nothing half-done", async () => {
    const { disk, objects, kept } = await start();
    await expect(objects.put("app/ssn/large", Buffer.alloc(8 * mib))).rejects.toMatchObject({
      code: "resource_exhausted",
      message: expect.stringMatching(/disk|space/),
    });
    await waitFor("nothing half-done", () => readdirSync(join(disk.path, "tmp")).length === 0);
    expect((await objects.get(kept)).toString()).toBe("kept");
    // The old version stays when the new one finds no room.
    await expect(objects.put("app/ssn/kept", Buffer.alloc(8 * mib))).rejects.toThrow();
    expect((await objects.get(kept)).toString()).toBe("kept");
    const ref = await objects.put("app/ssn/small", Buffer.alloc(mib));
    expect((await objects.get(ref)).length).toBe(mib);
  });

  it("that is read-only refuses puts and deletes, and serves what it has", async () => {
    const { disk, objects, kept } = await start();
    disk.setReadOnly(true);
    await expect(objects.put("app/ssn/new", Buffer.from("x"))).rejects.toThrow(/read-only|EROFS/i);
    await expect(objects.delete("app/ssn/kept")).rejects.toThrow(/read-only|EROFS/i);
    expect((await objects.get(kept)).toString()).toBe("kept");
    disk.setReadOnly(false);
    await objects.put("app/ssn/new", Buffer.from("x"));
    await objects.delete("app/ssn/kept");
    await expect(objects.get(kept)).rejects.toMatchObject({ code: "not_found" });
    expect(existsSync(disk.path)).toBe(true);
  });
});
