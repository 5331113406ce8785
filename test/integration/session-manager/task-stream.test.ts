import { afterEach, describe, expect, it } from "@jest/globals";
import { LoadClient, openSessions } from "../../../bench/overload/loads.ts";
import { payloadBytesMax } from "../../../src/model/limits.ts";
import { FrontendService as frontend } from "../../../src/protocol/generated/flame/v1/frontend.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { TaskStreamClient } from "../../support/task-stream-client.ts";
import { waitFor } from "../../support/wait-for.ts";

let manager: ManagerUnderTest;
let unary: LoadClient;
const streams: TaskStreamClient[] = [];
const address = (): string => manager.endpoint.replace("http://", "");

async function start(limits: object = {}): Promise<void> {
  manager = await startManager({ cluster: { limits } });
  unary = new LoadClient(address());
  await openSessions([unary], "s", 2);
}
function stream(options?: { reads: boolean }): TaskStreamClient {
  const one = new TaskStreamClient(address(), options);
  streams.push(one);
  return one;
}
afterEach(async () => {
  for (const one of streams.splice(0)) one.close();
  unary.close();
  await manager.close();
});
const inputs = (count: number, bytes = 5): Buffer[] =>
  Array.from({ length: count }, () => Buffer.alloc(bytes, "x"));
const closeSession = (): Promise<unknown> =>
  unary.call(frontend.closeSession, { sessionId: "s-0" });
const pending = async (sessionId = "s-0"): Promise<number> =>
  (await unary.call(frontend.getSession, { sessionId })).status?.pending ?? -1;

describe("flame.stream.v1.Clients", () => {
  it("makes one task of each submit, whichever stream it comes on again, also after a restart", async () => {
    await start();
    const first = stream();
    first.lane(1, "s-0", "p");
    first.submit(1, inputs(300));
    first.lane(2, "s-1", "p");
    first.submit(1, inputs(1), { lane: 2 });
    const tasks = await first.acknowledged(300);
    first.close();
    const second = stream();
    second.lane(7, "s-0", "p");
    second.submit(200, inputs(201), { lane: 7 });
    await second.acknowledged(201);
    for (let number = 200; number <= 300; number++) expect(second.tasks.get(number)).toBe(number);
    expect(tasks.get(299)).toBe(299);
    await manager.restart();
    const third = stream();
    third.lane(1, "s-0", "p");
    third.submit(1, inputs(401));
    expect((await third.acknowledged(401)).get(401)).toBe(401);
    expect([await pending(), await pending("s-1")]).toEqual([401, 1]);
  });

  it("sends results as far as the credit goes, and what was followed later or on another stream", async () => {
    await start();
    const one = stream();
    one.lane(1, "s-0", "p");
    one.submit(1, inputs(5));
    one.submit(6, inputs(2), { follow: false });
    await one.acknowledged(7);
    await closeSession();
    one.send({ credit: { results: 2, bytes: 1 } });
    await waitFor("two results", () => one.results.length === 2);
    one.send({ follows: [{ lane: 1, first: 6n, count: 1 }], credit: { results: 10, bytes: 10 } });
    await waitFor("the others", () => one.results.length === 6);
    expect(one.results.map(({ number }) => number).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(new Set(one.results.map(({ state }) => state))).toEqual(new Set([4]));
    const two = stream();
    two.lane(1, "s-0", "p");
    two.send({ credit: { results: 10, bytes: 10 } });
    two.submit(7, inputs(2));
    await waitFor("the result of 7", () => two.results.length === 1);
    await waitFor("the refusal of 8", () => two.refusals.length === 1);
    expect(two.tasks).toEqual(new Map([[7, 7]]));
    expect(two.refusals[0]).toMatchObject({ first: 8n, count: 1 });
    expect(two.refusals[0]?.message).toContain("Cannot create task in closed session s-0");
  });

  it("sends a result once on a lane, however often its number comes and is followed", async () => {
    await start();
    const one = stream();
    one.lane(1, "s-0", "p");
    one.submit(1, inputs(3));
    await one.acknowledged(3);
    await closeSession();
    const follows = [{ lane: 1, first: 1n, count: 3 }];
    for (let again = 0; again < 3; again++) {
      one.submit(1, inputs(3));
      one.send({ follows });
    }
    one.send({ credit: { results: 100, bytes: 100 } });
    one.send({ follows });
    await waitFor("the results", () => one.results.length >= 3);
    one.submit(4, inputs(1));
    await waitFor("what was sent last is answered", () => one.refusals.length === 1);
    expect(one.results.map(({ number }) => number)).toEqual([1, 2, 3]);
  });

  it("refuses what is too large under its number, and goes on with the next", async () => {
    await start();
    const one = stream();
    one.lane(1, "s-0", "p");
    one.submit(1, [Buffer.alloc(1), Buffer.alloc(payloadBytesMax + 1), undefined]);
    expect(await one.acknowledged(2)).toEqual(
      new Map([
        [1, 1],
        [3, 2],
      ]),
    );
    expect(one.refusals).toMatchObject([{ first: 2n, count: 1, code: 8 }]);
    expect(one.refusals[0]?.message).toContain("put the object into the cache");
  });

  it("refuses beyond the open tasks with when to come again, as CreateTask does", async () => {
    await start({ max_open_tasks: 4 });
    const one = stream();
    one.lane(1, "s-0", "p");
    one.submit(1, inputs(4));
    await waitFor("a refusal", () => one.refusals.length > 0);
    expect(one.refusals).toMatchObject([{ first: 3n, count: 2, code: 8, retryAfter: 1000 }]);
    expect(one.refusals[0]?.message).toContain("cluster.limits.max_open_tasks");
  });

  it("ends a lane at a gap or without its session, and no other lane", async () => {
    await start();
    const one = stream();
    one.lane(1, "s-0", "p");
    one.lane(2, "nowhere", "p");
    one.lane(3, "s-1", "p");
    one.submit(2, inputs(1));
    // What came in the same turn would still be carried out.
    await waitFor("the end of lane 1", () => one.ends.some(({ lane }) => lane === 1));
    one.submit(1, inputs(1));
    one.submit(1, inputs(1), { lane: 3 });
    await waitFor("both ends", () => one.ends.length === 2);
    await one.acknowledged(1);
    expect(one.ends.find(({ lane }) => lane === 1)).toMatchObject({ code: 3 });
    expect(one.ends.find(({ lane }) => lane === 1)?.message).toContain(
      "leaves a gap: got number 2",
    );
    expect(one.ends.find(({ lane }) => lane === 2)).toMatchObject({ code: 5 });
    expect([await pending(), await pending("s-1")]).toEqual([0, 1]);
  });

  it.each([
    ["lane 9 was not opened", (one: TaskStreamClient) => one.submit(1, inputs(1), { lane: 9 })],
    ["number 0: expected a number from 1 on", (one: TaskStreamClient) => one.submit(0, inputs(1))],
    ["lane 1 is opened twice", (one: TaskStreamClient) => one.lane(1, "s-0", "p")],
    ["expected 1 to 128 printable", (one: TaskStreamClient) => one.lane(2, "s-0", "two words")],
    [
      "expected at most 10000",
      (one: TaskStreamClient) => one.send({ follows: [{ lane: 1, first: 1n, count: 10_001 }] }),
    ],
  ])("ends the stream of a client that sends nonsense: %s", async (text, send) => {
    await start();
    const one = stream();
    one.lane(1, "s-0", "p");
    send(one);
    await waitFor("the end", () => one.status !== undefined);
    expect(one.status).toMatchObject({ code: 3 });
    expect((one.status as { details?: string }).details).toContain(text);
  });

  it("lets one stream speak for a producer: the newer one", async () => {
    await start();
    const [older, newer] = [stream(), stream()];
    older.lane(1, "s-0", "p");
    older.submit(1, inputs(1));
    await older.acknowledged(1);
    newer.lane(1, "s-0", "p");
    await waitFor("the end of the older lane", () => older.ends.length === 1);
    expect(older.ends[0]).toMatchObject({ lane: 1, code: 10 });
    newer.submit(2, inputs(1));
    await newer.acknowledged(1);
  });
});
