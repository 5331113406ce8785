import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import {
  LoadClient,
  openSessions,
  Prober,
  queueTasks,
  registerApplications,
} from "../../bench/overload/loads.ts";
import { NeverReads } from "../../bench/overload/never-reads.ts";
import { specOf } from "../../src/manifest/application-schema.ts";
import type { Change } from "../../src/model/change.ts";
import { AdminService as admin } from "../../src/protocol/generated/flame/admin/v1/admin.ts";
import { FrontendService as frontend } from "../../src/protocol/generated/flame/v1/frontend.ts";
import { SqliteStore } from "../../src/storage/sqlite-store.ts";
import { prepareCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

const MIB = 1024 * 1024;
const sessions = 1_000;
const tasksOfSession = 190;
const tasksQueued = 10_000;
const watchers = 10_000;
const silentWatches = 2_000;
const registers = 1_500;
const registerBytes = 8_000;
/** Long enough that the executors do not come to the end of a session while this lasts. */
const input = Buffer.from('{"duration": 5000, "memory": 0}');
/** Of each daemon, whatever is asked of it. */
const residentBytesMax = 512 * MIB;

const daemons = ["flame-session-manager", "flame-object-cache", "flame-executor-manager"] as const;

let cluster: TestCluster;
const toClose: { close(): void }[] = [];

const address = (): string => cluster.endpoint.replace("http://", "");
function client(): LoadClient {
  const one = new LoadClient(address());
  toClose.push(one);
  return one;
}

afterEach(async () => {
  for (const one of toClose.splice(0)) one.close();
  await cluster.close();
});

/** The most that a process ever had resident, in bytes. */
function peakOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]);
}

/** Tasks as CreateTask leaves them, written by the product's own store: that is ten times as fast as the calls. */
async function fillQueues(): Promise<void> {
  const store = new SqliteStore({
    file: join(cluster.home, "data/flame.db"),
    migrationsFolder: join(import.meta.dirname, "../../migrations/sqlite"),
    fillDefaults: specOf,
    now: Date.now(),
  });
  try {
    for (let session = 0; session < sessions; session++) {
      const changes = Array.from({ length: tasksOfSession }, (_, index) => newTask(session, index));
      const counts = { pending: tasksOfSession, running: 0, succeed: 0, failed: 0, cancelled: 0 };
      const id = `load-${session}`;
      const counted = { kind: "session.counts", id, counts, lastTaskId: tasksOfSession } as const;
      await store.commit([...changes, counted]);
    }
  } finally {
    await store.close();
  }
}

function newTask(session: number, index: number): Change {
  const creationTime = Date.now();
  return {
    kind: "task.put",
    record: {
      sessionId: `load-${session}`,
      id: index + 1,
      state: "Pending",
      creationTime,
      inputBytes: input.length,
      attempt: 0,
      crashes: 0,
      lostNodes: 0,
      term: 0,
      events: [{ code: 0, message: "Task was created with state <Pending>", creationTime }],
    },
    input,
  };
}

async function waiting(one: LoadClient, queue: string): Promise<number> {
  const { queues } = await one.call(admin.viewCluster, {});
  return Number(queues.find(({ name }) => name === queue)?.size);
}

async function openWatches(one: LoadClient): Promise<void> {
  const others = Array.from({ length: 20 }, client);
  // The last tasks of each session: they stay Pending for as long as this lasts.
  const taskOf = (index: number): string => String(tasksOfSession - Math.floor(index / sessions));
  for (let index = 0; index < watchers; index++)
    others[index % others.length]?.watch(`load-${index % sessions}`, taskOf(index)).resume();
  const silent = new NeverReads(address());
  toClose.push(silent);
  for (let index = 0; index < silentWatches; index++) {
    const sessionId = `load-${index % sessions}`;
    silent.ask(frontend.watchTask, { sessionId, taskId: taskOf(index) });
  }
  const all = watchers + silentWatches;
  const opened = async (): Promise<boolean> => {
    const open = await waiting(one, "task watchers");
    if (open < all) throw new Error(`${open} of ${all} watches are open`);
    return true;
  };
  await waitFor("the watches", opened, { deadlineMs: 240_000 });
}

describe("a cluster with all at once that its limits allow", () => {
  it("10,000 watchers, 1,000 sessions, 200,000 tasks, a client that never reads, floods: each daemon stays below 512 MiB, and others are served", async () => {
    cluster = await prepareCluster();
    const manager = cluster.daemon("flame-session-manager");
    await manager.start();
    expect((await openSessions([client()], "load", sessions)).answered).toBe(sessions);
    for (const one of toClose.splice(0)) one.close();
    await manager.stop();
    await fillQueues();
    for (const name of daemons) await cluster.daemon(name).start();

    const one = client();
    await openSessions([one], "probe", 1);
    await openSessions([one], "flood", 1);
    const prober = new Prober(one, "probe-0");
    await openWatches(client());
    const [queued, flooded, registered] = await Promise.all([
      queueTasks([client(), client()], "load", { count: tasksQueued, sessions }),
      // One connection may have half of what the others of its client (up to 321 calls here) leave of 8,192.
      queueTasks([client()], "flood", { count: 10_000, sessions: 1, concurrency: 3_500 }),
      registerApplications([client()], "flood", { count: registers, bytes: registerBytes }),
    ]);
    await prober.stop();

    expect(queued).toMatchObject({ answered: tasksQueued, refused: new Map() });
    expect(flooded).toMatchObject({ answered: 10_000, refused: new Map() });
    expect(registered).toMatchObject({ answered: registers, refused: new Map() });
    expect(prober.failures).toEqual([]);
    expect(prober.times.length).toBeGreaterThan(10);
    // The executors took some of them meanwhile.
    const left = await waiting(one, "tasks that wait for an executor");
    expect(left).toBeGreaterThan(180_000);
    for (const name of daemons) {
      const peak = peakOf(cluster.daemon(name).pid);
      expect({ name, fits: peak < residentBytesMax, mib: Math.round(peak / MIB) }).toMatchObject({
        name,
        fits: true,
      });
    }
  }, 480_000);
});
