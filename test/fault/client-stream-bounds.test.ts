import { readFileSync } from "node:fs";
import { join } from "node:path";
import { credentials, status } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "@jest/globals";
import { encodeWork } from "../../src/cli/flmping/payloads.ts";
import { FlameClient } from "../../src/client/index.ts";
import { FrontendClient } from "../../src/protocol/generated/flame/v1/frontend.ts";
import { call } from "../conformance/target.ts";
import { type ClusterOptions, startCluster, type TestCluster } from "../support/cluster.ts";
import type { DaemonName } from "../support/daemon.ts";
import { slowDiskEnvironment } from "../support/slow-disk.ts";
import { noSmallDisk, type SmallDisk, smallDisk } from "../support/small-disk.ts";
import { noRecorder } from "../support/sync-trace.ts";
import { TaskStreamClient } from "../support/task-stream-client.ts";
import { temporaryFolder } from "../support/temp.ts";
import { waitFor } from "../support/wait-for.ts";

const mib = 1024 * 1024;
const kib = 1024;
const patience = { deadlineMs: 90_000, intervalMs: 50 };
const succeed = 2;
const reason = noSmallDisk();
if (reason !== undefined)
  process.stderr.write(`client-stream-bounds.test.ts: a full disk is skipped, ${reason}\n`);
const onSmallDisk = reason === undefined ? it : it["skip"];
const noCompiler = noRecorder();
if (noCompiler !== undefined)
  process.stderr.write(`client-stream-bounds.test.ts: a slow disk is skipped, ${noCompiler}\n`);
const onSlowDisk = noCompiler === undefined ? it : it["skip"];

let cluster: TestCluster;
let frontend: FrontendClient;
let disk: SmallDisk | undefined;
const streams: TaskStreamClient[] = [];

afterEach(async () => {
  for (const one of streams.splice(0)) one.close();
  frontend.close();
  for (const name of ["flame-executor-manager", "flame-session-manager"] as const)
    await cluster.daemon(name).stop();
  disk?.remove();
  disk = undefined;
  await cluster.close();
});

async function start(options?: ClusterOptions): Promise<void> {
  cluster = await startCluster(options);
  frontend = new FrontendClient(address(), credentials.createInsecure());
}
const address = (): string => cluster.endpoint.replace("http://", "");

function stream(options?: { reads: boolean }): TaskStreamClient {
  const one = new TaskStreamClient(address(), options);
  streams.push(one);
  return one;
}

async function makeSession(sessionId: string): Promise<void> {
  const session = { application: "flmping", minInstances: 0, batchSize: 1, priority: 0 };
  await call(frontend, "createSession", { sessionId, session });
}

async function statusOf(sessionId: string) {
  const { status: counts } = await call(frontend, "getSession", { sessionId });
  if (counts === undefined) throw new Error(`session ${sessionId} has no status`);
  return counts;
}

const works = (count: number): Buffer[] =>
  Array.from({ length: count }, () => encodeWork({ duration: 0, memory: null }));
const rangeFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => first + at);
const muchCredit = { credit: { results: 1_000_000, bytes: 1_000_000_000 } };

describe("a connection that floods its stream with submits", () => {
  const most = 32 * mib;
  const flooded = 6_000;
  const inputBytes = 64 * kib;

  /** The most that the session manager ever had resident, in bytes. */
  function peak(): number {
    const told = readFileSync(
      `/proc/${cluster.daemon("flame-session-manager").pid}/status`,
      "utf8",
    );
    return kib * Number(/^VmHWM:\s+(\d+)/m.exec(told)?.[1]);
  }

  onSlowDisk(
    "leaves room for another one's calls and submits, and takes no memory for what waits",
    async () => {
      const limits = { max_request_bytes: most };
      const folder = temporaryFolder("slow-disk");
      try {
        // So what comes waits for the turns before it.
        const env = slowDiskEnvironment(folder.path, 200);
        await start({ daemons: ["flame-session-manager"], config: { cluster: { limits } }, env });
      } finally {
        folder.remove();
      }
      await makeSession("flood");
      await makeSession("other");
      const before = peak();
      const flood = stream();
      flood.lane(1, "flood", "p");
      const input = Buffer.alloc(inputBytes, "x");
      // Twelve times what may wait in memory, all at once: what is not read waits in the connection and at the client.
      const inputs = Array.from({ length: 40 }, () => input);
      for (let number = 1; number <= flooded; number += inputs.length)
        flood.submit(number, inputs, { follow: false });
      const other = stream();
      other.lane(1, "other", "p");
      await waitFor("the flood", () => flood.tasks.size > 0, patience);
      other.submit(1, [input], { follow: false });
      await other.acknowledged(1);
      expect((await statusOf("other")).pending).toBe(1);
      expect(flood.tasks.size + refused(flood)).toBeLessThan(flooded);
      await waitFor("every answer", () => flood.tasks.size + refused(flood) === flooded, patience);
      expect((await statusOf("flood")).pending).toBe(flood.tasks.size);
      const grown = Math.round((peak() - before) / mib);
      expect(grown).toBeLessThan((flooded * inputBytes) / mib);
    },
  );
});

function refused(one: TaskStreamClient): number {
  return one.refusals.reduce((sum, { count }) => sum + count, 0);
}

describe("a client that gives no credit", () => {
  it("gets no result, then as many as it takes, and in the end each once", async () => {
    const count = 3_000;
    await start();
    await makeSession("s");
    const one = stream();
    one.lane(1, "s", "p");
    for (let number = 1; number <= count; number += 500) one.submit(number, works(500));
    const ended = async (): Promise<boolean> => (await statusOf("s")).succeed === count;
    await waitFor("its tasks", ended, patience);
    expect(one.results).toEqual([]);
    for (const most of [1, 100, 1_100]) {
      const had = one.results.length;
      one.send({ credit: { results: most - had, bytes: mib } });
      await waitFor("what it takes", () => one.results.length >= most, patience);
      // An answer to something that was sent later comes behind all that it took.
      const asked = one.tasks.size;
      one.submit(asked + 1, [undefined], { follow: false });
      await one.acknowledged(asked + 1);
      expect(one.results).toHaveLength(most);
    }
    one.send(muchCredit);
    await waitFor("the rest", () => one.results.length >= count, patience);
    const numbers = one.results.map(({ number }) => number).sort((a, b) => a - b);
    expect(numbers).toEqual(rangeFrom(1, count));
  });
});

describe("a stream of submits and a disk that is full", () => {
  async function startOnDisk(daemons: DaemonName[]): Promise<SmallDisk> {
    disk = smallDisk(4 * mib);
    const storage = `sqlite://${join(disk.path, "flame.db")}`;
    await start({ daemons, config: { cluster: { storage } } });
    await makeSession("s");
    return disk;
  }
  const inputOf = (number: number): Buffer => Buffer.alloc(48 * kib, number % 256);

  onSmallDisk(
    "refuses by number, keeps what it acknowledged, and takes more when there is room",
    async () => {
      const small = await startOnDisk(["flame-session-manager"]);
      const one = stream();
      one.lane(1, "s", "p");
      let sent = 0;
      const submitNext = async (): Promise<void> => {
        one.submit(++sent, [inputOf(sent)], { follow: false });
        await waitFor("its answer", () => one.tasks.size + refused(one) === sent, patience);
      };
      while (refused(one) === 0) await submitNext();
      const [refusal] = one.refusals;
      expect(refusal).toMatchObject({ code: status.RESOURCE_EXHAUSTED, lane: 1 });
      expect(refusal?.message).toContain("disk is full");
      expect(one.tasks.size).toBeGreaterThan(5);
      small.resize(64 * mib);
      const had = one.tasks.size;
      while (one.tasks.size < had + 5) await submitNext();
      // A number that was refused is used up: it makes no task later.
      const number = Number(refusal?.first);
      one.submit(number, [inputOf(number)], { follow: false });
      await waitFor("its answer", () => refused(one) + one.tasks.size === sent + 1, patience);
      expect(one.tasks.has(number)).toBe(false);
      expect((await statusOf("s")).pending).toBe(one.tasks.size);
    },
  );

  onSmallDisk("loses nothing of a client's while the disk refuses commits", async () => {
    const count = 200;
    const small = await startOnDisk(["flame-session-manager", "flame-executor-manager"]);
    const client = new FlameClient({ endpoint: cluster.endpoint });
    try {
      const session = await client.createSession({ application: "flmping" });
      const input = encodeWork({ duration: 20, memory: null });
      const ended = Promise.all(Array.from({ length: count }, () => session.run(input)));
      await waitFor("some results", async () => (await session.get()).succeed > 5, patience);
      small.fill();
      const manager = cluster.daemon("flame-session-manager");
      await waitFor("a refused commit", () => manager.log().includes("read anew"), patience);
      // It is handed in while the disk refuses, and waits for its turn as those do that were before.
      const late = session.run(input);
      small.empty();
      for (const { state } of [...(await ended), await late]) expect(state).toBe("Succeed");
      expect(await session.get()).toMatchObject({ succeed: count + 1, pending: 0, running: 0 });
    } finally {
      client.close();
    }
  });
});

describe("numbers whose tasks are forgotten", () => {
  it("name the same tasks when they are sent again after kill -9, and say what became of them", async () => {
    const count = 200;
    const kept = 10;
    await start({ config: { cluster: { limits: { finished_tasks_kept: kept } } } });
    await makeSession("s");
    const first = stream();
    first.lane(1, "s", "p");
    first.send(muchCredit);
    first.submit(1, works(count));
    await waitFor("its results", () => first.results.length === count, patience);
    const tasks = first.tasks;
    const forgotten = async (): Promise<boolean> => {
      const listed = await cluster.run("flmctl", "view", "session", "s", "-o", "json");
      return (JSON.parse(listed.stdout) as { forgotten?: number }).forgotten === count - kept;
    };
    await waitFor("the rest to be forgotten", forgotten, patience);
    await cluster.daemon("flame-session-manager").restart("SIGKILL");
    const again = stream();
    again.lane(1, "s", "p");
    again.send(muchCredit);
    again.submit(1, works(count));
    await waitFor("a result for each number", () => again.results.length === count, patience);
    expect(again.tasks).toEqual(tasks);
    const lost = again.results.filter((result) => result.lost !== undefined);
    expect(lost).toHaveLength(count - kept);
    expect(lost[0]?.lost).toMatch(/forgotten/);
    const states = again.results.filter((result) => result.lost === undefined);
    expect(new Set(states.map(({ state }) => state))).toEqual(new Set([succeed]));
    expect(await statusOf("s")).toMatchObject({ succeed: count, pending: 0, running: 0 });
  });
});
