import { credentials, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { encodeWork } from "../../src/cli/flmping/payloads.ts";
import { FlameClient } from "../../src/client/index.ts";
import { FrontendClient } from "../../src/protocol/generated/flame/v1/frontend.ts";
import { call } from "../conformance/target.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { TaskStreamClient } from "../support/task-stream-client.ts";
import { waitFor } from "../support/wait-for.ts";

const patience = { deadlineMs: 90_000, intervalMs: 50 };
const succeed = 2;

let cluster: TestCluster;
let frontend: FrontendClient;
const streams: TaskStreamClient[] = [];
const address = (): string => cluster.endpoint.replace("http://", "");

beforeEach(async () => {
  cluster = await startCluster();
  frontend = new FrontendClient(address(), credentials.createInsecure());
});
afterEach(async () => {
  for (const one of streams.splice(0)) one.close();
  frontend.close();
  await cluster.close();
});

function stream(options?: { reads: boolean }): TaskStreamClient {
  const one = new TaskStreamClient(address(), options);
  streams.push(one);
  return one;
}
async function makeSession(sessionId: string): Promise<void> {
  const session = { application: "flmping", minInstances: 0, batchSize: 1, priority: 0 };
  await call(frontend, "createSession", { sessionId, session });
}
const works = (count: number): Buffer[] =>
  Array.from({ length: count }, () => encodeWork({ duration: 0, memory: null }));
const muchCredit = { credit: { results: 1_000_000, bytes: 1_000_000_000 } };
const rangeFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => first + at);

describe("a client's stream", () => {
  it("and kill -9 of the session manager: resends make one task of each submit, and each result comes", async () => {
    const count = 600;
    await makeSession("s");
    const tasks = new Map<number, number>();
    const states = new Map<number, number>();
    const look = (one: TaskStreamClient): void => {
      for (const [number, task] of one.tasks) {
        expect(tasks.get(number) ?? task).toBe(task);
        tasks.set(number, task);
      }
      for (const { number, state } of one.results) states.set(number, state);
    };
    for (let life = 0; states.size < count; life++) {
      const one = stream();
      one.lane(1, "s", "p");
      one.send(muchCredit);
      // What was acknowledged is followed; the rest is sent again, with some that came before.
      const acknowledged = rangeFrom(1, count).findIndex((number) => !tasks.has(number));
      const known = acknowledged === -1 ? count : acknowledged;
      const first = Math.max(1, known - 20);
      for (let number = first; number <= count; number += 50)
        one.submit(number, works(Math.min(50, count - number + 1)));
      if (first > 1) one.send({ follows: [{ lane: 1, first: 1n, count: first - 1 }] });
      const enough = life < 3 ? Math.min(count, states.size + 50) : count;
      await waitFor(
        "results",
        () => {
          look(one);
          return states.size >= enough;
        },
        patience,
      );
      if (life < 3) await cluster.daemon("flame-session-manager").restart("SIGKILL");
      look(one);
      one.close();
    }
    expect(new Set(states.values())).toEqual(new Set([succeed]));
    expect([...tasks.values()].sort((a, b) => a - b)).toEqual(rangeFrom(1, count));
    const session = await call(frontend, "getSession", { sessionId: "s" });
    expect(session.status).toMatchObject({ succeed: count, pending: 0, running: 0, failed: 0 });
  });

  it("that is not read holds nobody up, and gives everything when it is read again", async () => {
    const count = 5_000;
    await makeSession("slow");
    const slow = stream({ reads: false });
    slow.lane(1, "slow", "p");
    slow.send(muchCredit);
    for (let number = 1; number <= count; number += 500) slow.submit(number, works(500));
    await waitFor(
      "its tasks",
      async () => (await call(frontend, "getSession", { sessionId: "slow" })).status?.succeed !== 0,
      patience,
    );
    const client = new FlameClient({ endpoint: cluster.endpoint });
    try {
      const session = await client.createSession({ application: "flmping" });
      const ended = await Promise.all(works(50).map((input) => session.run(input)));
      expect(new Set(ended.map(({ state }) => state))).toEqual(new Set(["Succeed"]));
    } finally {
      client.close();
    }
    slow.read();
    await waitFor("its results", () => slow.results.length === count, patience);
    const numbers = slow.results.map(({ number }) => number).sort((a, b) => a - b);
    expect(numbers).toEqual(rangeFrom(1, count));
    expect(slow.tasks.size).toBe(count);
  });

  it("goes on with its other lanes when a session is ended and deleted midway", async () => {
    await makeSession("gone");
    await makeSession("stays");
    const one = stream();
    one.lane(1, "gone", "p");
    one.lane(2, "stays", "p");
    one.send(muchCredit);
    one.submit(1, works(300));
    await one.acknowledged(300);
    const ended = await cluster.run("flmctl", "close", "session", "gone", "--force");
    expect({ code: ended.code, stderr: ended.stderr }).toMatchObject({ code: 0 });
    await waitFor("every result", () => one.results.length === 300, patience);
    await call(frontend, "deleteSession", { sessionId: "gone" });
    one.submit(301, works(10));
    one.submit(1, works(20), { lane: 2 });
    await waitFor("the end of its lane", () => one.ends.length === 1, patience);
    expect(one.ends).toMatchObject([{ lane: 1, code: status.NOT_FOUND }]);
    await waitFor("the others' results", () => one.results.length === 320, patience);
    expect(one.results.slice(300).every(({ state }) => state === succeed)).toBe(true);
  });
});
