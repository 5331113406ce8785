import { afterEach, describe, expect, it } from "@jest/globals";
import {
  FlameClient,
  type FlameClientOptions,
  type PutOffCall,
  type Session,
  type TaskCreation,
  type TaskEnd,
} from "../../../src/client/index.ts";
import { payloadBytesMax } from "../../../src/model/limits.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";

const patience = { deadlineMs: 60_000 };
const spec = { application: "flmping" };

let manager: ManagerUnderTest;
const clients: FlameClient[] = [];

async function start(limits: object = {}, options: FlameClientOptions = {}): Promise<FlameClient> {
  manager = await startManager({ cluster: { limits } });
  return connect(options);
}
function connect(options: FlameClientOptions = {}): FlameClient {
  const client = new FlameClient({ endpoint: manager.endpoint, ...options });
  clients.push(client);
  return client;
}
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await manager.close();
});

function inputs(count: number, bytes = 5): Buffer[] {
  return Array.from({ length: count }, () => Buffer.alloc(bytes, "x"));
}

/** What a session manager without nodes was handed: how each of them ended, by its place. */
class Run {
  readonly ends = new Map<number, TaskEnd>();
  readonly over: Promise<unknown>;
  taken = 0;
  readonly #again: number[] = [];

  constructor(session: Session, given: Iterable<Uint8Array | undefined>) {
    this.over = session
      .runMany(this.#counted(given), (index, end) => {
        if (this.ends.has(index)) this.#again.push(index);
        this.ends.set(index, end);
      })
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
  }

  *#counted(given: Iterable<Uint8Array | undefined>): Generator<Uint8Array | undefined> {
    for (const input of given) {
      this.taken++;
      yield input;
    }
  }

  /** How many ended in each way; each once. */
  async counts(): Promise<Record<string, number>> {
    expect(await this.over).toBeUndefined();
    expect(this.#again).toEqual([]);
    const counts: Record<string, number> = {};
    for (const end of this.ends.values()) {
      const name = end.kind === "finished" ? end.task.state : end.kind;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  get taskIds(): Set<string> {
    const ids = [...this.ends.values()].flatMap((end) =>
      end.kind === "finished" ? [end.task.id] : [],
    );
    return new Set(ids);
  }
}

async function pending(session: Session, count: number): Promise<void> {
  await waitFor(`${count} tasks`, async () => (await session.get()).pending === count, patience);
}

describe("Session.runMany", () => {
  it("makes one task of each input, across a restart of the session manager, and tells each end once", async () => {
    const client = await start();
    const session = await client.createSession(spec);
    const run = new Run(session, inputs(3_000));
    await waitFor("some tasks", async () => (await session.get()).pending > 100, patience);
    await manager.restart();
    await pending(session, 3_000);
    await manager.restart();
    await session.close();
    expect(await run.counts()).toEqual({ Cancelled: 3_000 });
    expect(run.taskIds.size).toBe(3_000);
    expect((await session.get()).cancelled).toBe(3_000);
  });

  it("tells what a reader of the task would see, but for the input", async () => {
    const client = await start();
    const session = await client.createSession(spec);
    const run = new Run(session, [undefined, Buffer.from("in")]);
    await pending(session, 2);
    await session.cancel("2");
    await waitFor("its end", () => run.ends.size === 1, patience);
    const seen = await session.getTask("2");
    const end = run.ends.get(1);
    const { input, ...rest } = seen;
    expect(input).toEqual(Buffer.from("in"));
    expect(end).toMatchObject({ kind: "finished", taskId: "2", state: "Cancelled", task: rest });
    expect(end?.kind === "finished" && "input" in end.task).toBe(false);
    await session.close();
    expect(await run.counts()).toEqual({ Cancelled: 2 });
  });

  it("takes no more inputs than it can send, and stops taking them when its reader throws", async () => {
    const client = await start();
    const session = await client.createSession(spec);
    function* endless(): Generator<Buffer> {
      for (;;) yield Buffer.alloc(1);
    }
    let taken = 0;
    function* counted(): Generator<Buffer> {
      for (const input of endless()) {
        taken++;
        yield input;
      }
    }
    const fault = new Error("no more");
    const thrown = session
      .runMany(counted(), () => {
        throw fault;
      })
      .catch((reason: unknown) => reason);
    await waitFor("a task", async () => (await session.get()).pending > 0, patience);
    await session.cancel("1");
    expect(await thrown).toBe(fault);
    await pending(session, taken - 1);
    const before = taken;
    await session.close();
    expect(taken).toBe(before);
  });

  it("passes on what the inputs throw, once those before have ended", async () => {
    const client = await start();
    const session = await client.createSession(spec);
    const fault = new Error("no input");
    function* broken(): Generator<Buffer> {
      yield Buffer.alloc(1);
      throw fault;
    }
    const run = new Run(session, broken());
    await pending(session, 1);
    await session.close();
    expect(await run.over).toBe(fault);
    expect(run.ends.size).toBe(1);
  });

  it("refuses an input that is too large with the way around it, alone", async () => {
    const client = await start();
    const session = await client.createSession(spec);
    const large = [payloadBytesMax + 1, 3 * payloadBytesMax].map((bytes) => Buffer.alloc(bytes));
    const run = new Run(session, [Buffer.alloc(1), ...large, Buffer.alloc(payloadBytesMax)]);
    await waitFor("both refusals", () => run.ends.size === 2, patience);
    for (const index of [1, 2])
      expect(run.ends.get(index)).toMatchObject({
        kind: "refused",
        error: { code: "resource_exhausted", message: expect.stringMatching(/large|fit/) },
      });
    await pending(session, 2);
    await session.close();
    expect(await run.counts()).toEqual({ Cancelled: 2, refused: 2 });
  });

  it("comes again with what is refused for now, and says so", async () => {
    const putOff: PutOffCall[] = [];
    const client = await start(
      { max_open_tasks: 60 },
      { onPutOff: (call) => void putOff.push(call) },
    );
    const session = await client.createSession(spec);
    const run = new Run(session, inputs(100));
    await waitFor("a refusal", () => putOff.length > 0, patience);
    expect(putOff[0]?.refusal.message).toContain("cluster.limits.max_open_tasks");
    expect(putOff[0]).toMatchObject({ waitedMs: 0, pauseMs: 1_000 });
    await waitFor(
      "all of them",
      async () => {
        await session.cancel();
        return run.ends.size === 100;
      },
      { ...patience, intervalMs: 100 },
    );
    expect(await run.counts()).toEqual({ Cancelled: 100 });
    expect(run.taskIds.size).toBe(100);
    await session.close();
  });

  it("gives up what is refused for as long as a call may take, in the server's words", async () => {
    const client = await start({ max_open_tasks: 20 }, { callTimeoutMs: 5_000 });
    const session = await client.createSession(spec);
    const run = new Run(session, inputs(100));
    await waitFor("the others", () => run.ends.size === 90, patience);
    expect(run.ends.get(99)).toMatchObject({
      kind: "refused",
      error: { message: expect.stringContaining("cluster.limits.max_open_tasks") },
    });
    await session.close();
    expect(await run.counts()).toEqual({ Cancelled: 10, refused: 90 });
  });

  it("refuses what comes after the session was closed or deleted midway", async () => {
    const client = await start();
    const session = await client.createSession(spec);
    const before = new Run(session, inputs(10));
    await pending(session, 10);
    await session.close();
    expect(await before.counts()).toEqual({ Cancelled: 10 });
    const closed = new Run(session, inputs(10));
    expect(await closed.counts()).toEqual({ refused: 10 });
    expect(closed.ends.get(0)).toMatchObject({
      error: { message: expect.stringContaining(`closed session ${session.id}`) },
    });
    await client.deleteSession(session.id);
    const deleted = new Run(session, inputs(10));
    expect(await deleted.counts()).toEqual({ refused: 10 });
    expect(deleted.ends.get(9)).toMatchObject({ error: { code: "not_found" } });
    await expect(session.run()).rejects.toMatchObject({ code: "not_found" });
    const another = await client.createSession(spec, session.id);
    const anew = new Run(session, inputs(10));
    await pending(another, 10);
    await another.close();
    expect(await anew.counts()).toEqual({ Cancelled: 10 });
  });

  it("is not held up by a session of the same client that is refused or has very much to submit", async () => {
    const client = await start({ max_open_tasks: 4_000 });
    const [busy, other] = [await client.createSession(spec), await client.createSession(spec)];
    const run = new Run(busy, inputs(20_000));
    await waitFor("its refusal", async () => (await busy.get()).pending >= 2_000, patience);
    const task = other.run(Buffer.from("one"));
    await pending(other, 1);
    await other.cancel();
    expect(await task).toMatchObject({ state: "Cancelled", input: Buffer.from("one") });
    client.close();
    expect(await run.over).toMatchObject({ code: "unavailable" });
  });
});

describe("Session.createMany", () => {
  it("tells the task of each input when it is durable, and waits for no end", async () => {
    const client = await start();
    const session = await client.createSession(spec);
    const created = new Map<number, TaskCreation>();
    await session.createMany(inputs(5_000), (index, creation) => created.set(index, creation));
    expect(created.size).toBe(5_000);
    expect(created.get(4_999)).toEqual({ kind: "created", taskId: "5000" });
    expect((await session.get()).pending).toBe(5_000);
    const run = new Run(session, inputs(1));
    await pending(session, 5_001);
    await session.close();
    expect(await run.counts()).toEqual({ Cancelled: 1 });
    expect([...run.taskIds]).toEqual(["5001"]);
  });
});

describe("a client that is closed", () => {
  it("ends what is under way, and says of each whether it is a task", async () => {
    const client = await start();
    const session = await client.createSession(spec);
    const run = new Run(session, inputs(5));
    await pending(session, 5);
    await waitFor(
      "the acknowledgements",
      async () => {
        client.close();
        return run.ends.size === 5;
      },
      patience,
    );
    for (const end of run.ends.values())
      expect(end).toMatchObject({
        kind: expect.stringMatching(/^(lost|unacknowledged)$/),
        error: { code: "unavailable" },
      });
    await expect(session.run()).rejects.toMatchObject({ code: "unavailable" });
  });
});
