import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { FlameClient, type Session, type Task } from "../../src/client/index.ts";
import { ObjectClient, type ObjectRef } from "../../src/client/objects.ts";
import { eventCodes } from "../../src/model/event.ts";
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

const inputOf = (task: number): Buffer => Buffer.alloc(64 * 1024, task);

/** Undefined when there is no room for it. */
function created(session: Session, input = inputOf(0)): Promise<Task | undefined> {
  return session.createTask(input).catch(() => undefined);
}

/** Creates tasks until one is not acknowledged, and returns those that were. */
async function fillWithTasks(session: Session, input?: Buffer): Promise<string[]> {
  const acknowledged: string[] = [];
  for (;;) {
    const task = await created(session, input);
    if (task === undefined) return acknowledged;
    acknowledged.push(task.id);
  }
}

function metricsOf({ home }: TestCluster): string {
  const record = readFileSync(join(home, "run/flame-session-manager.json"), "utf8");
  return (JSON.parse(record) as { metrics: string }).metrics;
}

function freeOf({ path }: SmallDisk): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

async function idsOf(session: Session): Promise<string[]> {
  const found: string[] = [];
  for await (const { id } of session.listTasks()) found.push(id);
  return found;
}

onSmallDisk("the session manager's storage", () => {
  async function start(): Promise<{ cluster: TestCluster; disk: SmallDisk; session: Session }> {
    disk = smallDisk(4 * mib);
    const config = { cluster: { storage: `sqlite://${join(disk.path, "flame.db")}` } };
    cluster = await startCluster({ daemons: ["flame-session-manager"], config });
    const session = await connect(cluster).createSession({ application: "flmping" });
    return { cluster, disk, session };
  }

  it("that is nearly full refuses what grows, and goes on with reads and deletions until there is room", async () => {
    const { cluster, disk, session } = await start();
    const manager = cluster.daemon("flame-session-manager");
    const client = connect(cluster);
    const spare = await client.createSession({ application: "flmping" });
    for (let task = 0; task < 10; task++) await spare.createTask(inputOf(task));
    const acknowledged = await fillWithTasks(session);
    expect(acknowledged.length).toBeGreaterThan(5);
    // Others take a part of the reserve, which is a tenth of this disk, and what the database gives back meanwhile.
    const left = 350 * 1024;
    await waitFor("a disk that stays full", async () => {
      const { freeBytes = 0, full } = (await client.viewCluster()).storage;
      if (freeBytes > left) disk.fill(freeOf(disk) - (freeBytes - left));
      return full !== undefined && statSync(join(disk.path, "flame.db-wal")).size === 0;
    });
    await waitFor("the log's word", () => manager.log().includes("what grows is refused"));
    const refusal = {
      code: "resource_exhausted",
      message: expect.stringContaining("disk is full"),
    };
    await expect(session.createTask(inputOf(0))).rejects.toMatchObject(refusal);
    await expect(client.createSession({ application: "flmping" })).rejects.toMatchObject(refusal);
    expect(await idsOf(session)).toEqual(acknowledged);
    expect((await session.getTask(acknowledged[0] ?? "")).input?.length).toBe(64 * 1024);
    expect((await client.viewCluster()).storage.full).toContain("disk is full");
    const metrics = await fetch(metricsOf(cluster)).then((answer) => answer.text());
    expect(metrics).toMatch(/^flame_storage_full 1$/m);
    const status = await cluster.run("flame", "status", "flame-session-manager");
    expect(status).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("serving, disk full"),
    });

    await spare.close();
    await client.deleteSession(spare.info.id);
    const next = await waitFor("room for a task", () => created(session));
    disk.resize(64 * mib);
    for (let task = 0; task < 50; task++) await waitFor("room", () => created(session));
    expect((await client.viewCluster()).storage.full).toBeUndefined();
    expect(await idsOf(session)).toEqual(expect.arrayContaining([...acknowledged, next.id]));
    expect(manager.running).toBe(true);
  });

  it("that others fill refuses commits: the state is read anew in the process, nodes wait, and nothing is lost", async () => {
    const { cluster, disk, session } = await start();
    const manager = cluster.daemon("flame-session-manager");
    const { pid } = manager;
    const tasks: string[] = [];
    for (let task = 0; task < 30; task++) tasks.push((await session.createTask()).id);
    disk.fill();
    // It says that it serves once the session manager has its node.
    cluster.daemon("flame-executor-manager").spawn();
    await waitFor("a commit that is refused", () => manager.log().includes("read anew"), {
      deadlineMs: patienceMs,
    });
    expect(await idsOf(session)).toEqual(tasks);
    await expect(session.createTask()).rejects.toThrow("disk is full");
    disk.empty();
    for (const id of tasks) {
      const { state, events } = await session.finished(id);
      // Begun once: nothing was handed out that the disk did not hold, and nothing that was held was taken back.
      const begun = events.filter(({ code }) => code === eventCodes.taskLaunched);
      expect({ id, state, begun: begun.length }).toEqual({ id, state: "Succeed", begun: 1 });
    }
    expect(manager.pid).toBe(pid);
    expect(manager.log()).toContain("the disk takes writes again");
  });

  it("that is read-only refuses the start by name until it can be written", async () => {
    const { cluster, disk, session } = await start();
    const manager = cluster.daemon("flame-session-manager");
    const { id } = await session.createTask();
    // A file system with files that are open for writing cannot be made read-only by hand.
    await manager.stop();
    disk.setReadOnly(true);
    const logged = manager.log().length;
    manager.spawn();
    await waitFor("its end", () => !manager.running, { deadlineMs: patienceMs });
    expect(manager.log().slice(logged)).toMatch(/^Error: cannot open the database/m);
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
    disk.empty();
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
    const { disk, objects } = await start();
    // Not a small one: the log that those share stays open, and the view over the disk does not keep that from being written.
    const data = Buffer.alloc(256 * 1024, "kept");
    const kept = await objects.put("app/ssn/large", data);
    disk.setReadOnly(true);
    await expect(objects.put("app/ssn/new", data)).rejects.toThrow(/read-only|EROFS/i);
    await expect(objects.delete("app/ssn/large")).rejects.toThrow(/read-only|EROFS/i);
    expect((await objects.get(kept)).equals(data)).toBe(true);
    disk.setReadOnly(false);
    await objects.put("app/ssn/new", data);
    await objects.delete("app/ssn/large");
    await expect(objects.get(kept)).rejects.toMatchObject({ code: "not_found" });
    expect(existsSync(disk.path)).toBe(true);
  });
});
