import { afterEach, describe, expect, it } from "@jest/globals";
import {
  FlameClient,
  type FlameClientOptions,
  type Session,
  type TaskEnd,
} from "../../../src/client/index.ts";
import { waitFor } from "../../support/wait-for.ts";
import { type Behaviour, ScriptedFrontend, wireSession, wireTask } from "./frontend.ts";
import type { ServedStream } from "./tasks-server.ts";

const patience = { deadlineMs: 60_000 };
const aborted = 10;
const finished = { Succeed: "finished" } as const;

let frontend: ScriptedFrontend;
let client: FlameClient;
/** Streams in the order in which they came. */
let streams: ServedStream[];
/** What came by CreateTask and by WatchTask. */
let created: string[];
let watched: number;
let served: { tasks?: Behaviour["tasks"] };

afterEach(() => {
  client.close();
  frontend.stop();
});

/** A server whose streams do as `tasks` says; by default it answers, and nothing more. */
async function serve(
  { tasks = (stream: ServedStream) => stream.answer(), withStreams = true } = {},
  options: FlameClientOptions = {},
): Promise<Session> {
  streams = [];
  created = [];
  watched = 0;
  served = {};
  const behaviour: Behaviour = {
    unary: {
      openSession: wireSession,
      createTask: ({ task }: { task: { input?: Buffer } }) => {
        created.push(String(task.input));
        return wireTask(String(100 + created.length), "Pending");
      },
    },
    watch: (call) => {
      watched++;
      const { taskId } = call.request as { taskId: string };
      call.write(wireTask(taskId, "Succeed", "by watch"));
      call.end();
    },
    get tasks(): Behaviour["tasks"] {
      return served.tasks;
    },
  } as Behaviour;
  streamsServed(withStreams ? tasks : undefined);
  frontend = await new ScriptedFrontend(behaviour).start();
  client = new FlameClient({ endpoint: frontend.endpoint, ...options });
  return client.openSession("s");
}

function streamsServed(tasks: ((stream: ServedStream) => void) | undefined): void {
  served =
    tasks === undefined
      ? {}
      : {
          tasks: (stream) => {
            streams.push(stream);
            tasks(stream);
          },
        };
}

const texts = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, n) => Buffer.from(`i${n}`));

/** How each ended, by its place. */
function run(
  session: Session,
  inputs: readonly Buffer[],
): { ends: TaskEnd[]; over: Promise<void> } {
  const ends: TaskEnd[] = [];
  const over = session.runMany(inputs, (index, end) => {
    expect(ends[index]).toBeUndefined();
    ends[index] = end;
  });
  return { ends, over };
}

async function stream(number: number): Promise<ServedStream> {
  return waitFor(`stream ${number}`, () => streams[number - 1], patience);
}

describe("a stream of tasks", () => {
  it("opens with one message, and sends nothing more before the server has answered", async () => {
    const session = await serve({ tasks: () => undefined });
    const { ends, over } = run(session, texts(3_000));
    const one = await stream(1);
    await waitFor("the first message", () => one.messages > 0, patience);
    await client.openSession("s");
    expect([one.messages, one.lanes.length]).toEqual([1, 1]);
    expect(one.inputs).toBeLessThan(3_000);
    one.answer();
    await waitFor("the rest", () => one.inputs === 3_000, patience);
    one.acknowledge(3_000);
    one.results(3_000);
    await over;
    expect(ends.map(({ kind }) => kind)).toEqual(Array(3_000).fill(finished.Succeed));
  });

  it("sends again what is not acknowledged, asks for the results that are missing, and hears none twice", async () => {
    const session = await serve();
    const { ends, over } = run(session, texts(20));
    const first = await stream(1);
    await waitFor("all of them", () => first.inputs === 20, patience);
    first.acknowledge(15);
    first.results(5);
    await waitFor("five ends", () => ends.filter(Boolean).length === 5, patience);
    frontend.stop();
    await frontend.start();
    const second = await stream(2);
    await waitFor(
      "what is missing",
      () => second.inputs === 5 && second.follows.length > 0,
      patience,
    );
    expect(second.lanes).toMatchObject([{ ...first.lanes[0], lane: 1 }]);
    expect(second.submits).toMatchObject([{ first: 16n, follow: true }]);
    expect(second.follows).toEqual([{ lane: 1, first: 6n, count: 10 }]);
    second.acknowledge(5, { first: 16 });
    second.results(20);
    await over;
    expect(ends.map((end) => end.kind === "finished" && end.task.id)).toEqual(
      Array.from({ length: 20 }, (_, n) => String(n + 1)),
    );
  });

  it("asks for at most 10,000 results with one word", async () => {
    const session = await serve();
    const { over } = run(session, texts(25_000));
    const first = await stream(1);
    for (let through = 0; through < 25_000; ) {
      await waitFor("more", () => first.inputs > through, patience);
      first.acknowledge(first.inputs - through, { first: through + 1 });
      through = first.inputs;
    }
    // Whatever comes now was acknowledged before.
    first.results(1);
    await waitFor("a result", () => first.credit > 0, patience);
    frontend.stop();
    await frontend.start();
    const second = await stream(2);
    await waitFor("all of it", () => second.follows.length >= 3, patience);
    const counts = second.follows.map(({ count }) => count);
    expect(Math.max(...counts)).toBeLessThanOrEqual(10_000);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(24_999);
    second.results(25_000);
    await over;
  });

  it("opens a lane again that another stream of this producer took over", async () => {
    const session = await serve();
    const { over } = run(session, texts(2));
    const one = await stream(1);
    await waitFor("both", () => one.inputs === 2, patience);
    one.acknowledge(1);
    one.send({ ends: [{ lane: 1, code: aborted, message: "another stream speaks" }] });
    await waitFor("the lane", () => one.lanes.length === 2 && one.inputs === 3, patience);
    expect(one.lanes[1]).toEqual({ ...one.lanes[0], lane: 2 });
    expect(one.follows).toEqual([{ lane: 2, first: 1n, count: 1 }]);
    one.acknowledge(1, { lane: 2, first: 2 });
    one.results(2, { lane: 2 });
    await over;
  });

  it("gives credit back when the reader is done with a result, and never more", async () => {
    const session = await serve();
    let told = 0;
    let most = 0;
    const over = session.runMany(texts(10_000), () => {
      told++;
      const one = streams[0];
      most = Math.max(most, (one?.credit ?? 0) - told);
    });
    const one = await stream(1);
    for (let through = 0; through < 10_000; ) {
      await waitFor("more", () => one.inputs > through, patience);
      one.acknowledge(one.inputs - through, { first: through + 1 });
      through = one.inputs;
    }
    for (let sent = 0; sent < 10_000; ) {
      await waitFor("credit", () => one.credit > sent, patience);
      const count = Math.min(one.credit, 10_000) - sent;
      one.results(count, { first: sent + 1 });
      sent += count;
    }
    await over;
    expect(told).toBe(10_000);
    expect(most).toBeLessThanOrEqual(4_096);
  });

  it("gets an output that is too large for it with a call of its own", async () => {
    const session = await serve();
    const task = session.run(Buffer.from("in"));
    const one = await stream(1);
    await waitFor("it", () => one.inputs === 1, patience);
    one.acknowledge(1, { firstTask: 7 });
    const result = { offset: 0, state: 2, elsewhere: true, creationTime: 1, completionTime: 2 };
    one.send({ results: [{ lane: 1, first: 1n, results: [{ ...result, events: [] }] }] });
    expect(await task).toMatchObject({
      id: "7",
      output: Buffer.from("by watch"),
      input: Buffer.from("in"),
    });
  });

  it("ends when nothing is left to wait for, and another one opens with the next task", async () => {
    const session = await serve({
      tasks: (one) => {
        one.answer();
        one.call.once("data", () => {
          one.acknowledge(1, { firstTask: streams.length });
          one.results(1);
        });
      },
    });
    expect((await session.run()).id).toBe("1");
    const one = await stream(1);
    await waitFor("its end", () => one.over, patience);
    const task = session.run();
    const two = await stream(2);
    await waitFor("the second input", () => two.inputs === 1, patience);
    expect(two.submits[0]).toMatchObject({ first: 2n });
    two.acknowledge(1, { first: 2 });
    two.results(1, { first: 2 });
    expect((await task).state).toBe("Succeed");
  });

  it("gives up on a server that stays away, and says which are tasks", async () => {
    const session = await serve({}, { reconnectTimeoutMs: 300 });
    const { ends, over } = run(session, texts(2));
    const one = await stream(1);
    await waitFor("both", () => one.inputs === 2, patience);
    one.acknowledge(1);
    one.results(0);
    await waitFor("the acknowledgement", async () => {
      await client.openSession("s");
      return true;
    });
    frontend.stop();
    await over;
    expect(ends).toMatchObject([
      { kind: "lost", taskId: "1", error: { code: "unavailable" } },
      {
        kind: "unacknowledged",
        error: { message: expect.stringContaining("was not acknowledged and may exist or not") },
      },
    ]);
  });
});

describe("a session manager without streams of tasks", () => {
  it("is what one with them is to a client that wants none", async () => {
    const session = await serve({}, { taskStreams: false });
    const { over } = run(session, texts(20));
    await over;
    expect(await session.run(Buffer.from("more"))).toMatchObject({ state: "Succeed" });
    expect([created.length, watched, streams]).toEqual([21, 21, []]);
  });

  it("gets one call for each task, and is not asked again on this connection", async () => {
    const session = await serve({ withStreams: false });
    const { ends, over } = run(session, texts(200));
    await over;
    expect(new Set(created)).toEqual(new Set(texts(200).map(String)));
    expect(created).toHaveLength(200);
    expect(ends.map(({ kind }) => kind)).toEqual(Array(200).fill(finished.Succeed));
    expect(await session.run(Buffer.from("more"))).toMatchObject({
      output: Buffer.from("by watch"),
    });
    const creations: unknown[] = [];
    await session.createMany(texts(3), (_, creation) => creations.push(creation));
    expect(creations).toEqual(
      [302, 303, 304].map((id) => ({ kind: "created", taskId: String(id) })),
    );
    expect(watched).toBe(201);
  });

  it("is asked again on the next connection", async () => {
    const session = await serve({ withStreams: false });
    await session.run(Buffer.from("one"));
    frontend.stop();
    streamsServed((one) => {
      one.answer();
      one.call.once("data", () => {
        one.acknowledge(1);
        one.results(1);
      });
    });
    await frontend.start();
    await waitFor("the new connection", () => client.openSession("s"), patience);
    expect(await session.run(Buffer.from("two"))).toMatchObject({ id: "1" });
    expect([created, streams.length]).toEqual([["one"], 1]);
  });

  it("that takes over from one with them watches its tasks, and makes no second task of what may be one", async () => {
    const session = await serve();
    const { ends, over } = run(session, texts(6_000));
    const one = await stream(1);
    await waitFor("the first", () => one.inputs === 4_096, patience);
    one.acknowledge(2);
    await waitFor("two more", () => one.inputs === 4_098, patience);
    frontend.stop();
    streamsServed(undefined);
    await frontend.start();
    await over;
    const kinds = ends.map((end) => end.kind);
    expect(kinds.slice(0, 2)).toEqual(["finished", "finished"]);
    expect(kinds.slice(2, 4_098)).toEqual(Array(4_096).fill("unacknowledged"));
    expect(kinds.slice(4_098)).toEqual(Array(1_902).fill("finished"));
    expect(new Set(created)).toEqual(new Set(texts(6_000).slice(4_098).map(String)));
    expect(created).toHaveLength(1_902);
  });
});
