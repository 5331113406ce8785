import { beforeEach, describe, expect, it } from "@jest/globals";
import type { SubmitOutcome, SubmitReply } from "../../../src/core/submit-batch.ts";
import { InOrder } from "../../../src/kit/in-order.ts";
import { NumberedRuns } from "../../../src/kit/numbered-runs.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { LaneAnswers, notAnswered } from "../../../src/session-manager/frontend/lane-answers.ts";
import type { OpenLane } from "../../../src/session-manager/frontend/task-lane.ts";
import { LaneResults, type TaskOutbox } from "../../../src/session-manager/frontend/task-outbox.ts";
import { HeldReads } from "./held-reads.ts";

const session = { id: "s", creationTime: 1 };

let store: HeldReads;
let told: string[];
let lane: OpenLane;
let answers: LaneAnswers;

beforeEach(async () => {
  told = [];
  store = new HeldReads();
  await store.makeSession("s", 1);
  const fail = (_: OpenLane, { code, message }: FlameError): void => {
    told.push(`${code}: ${message}`);
    lane.over = true;
  };
  lane = {
    id: 1,
    sessionId: "s",
    producer: "p",
    asked: new NumberedRuns(),
    wanted: new NumberedRuns(),
    results: new LaneResults(1, "s"),
    answers: new InOrder((thrown) => fail(lane, notAnswered(thrown))),
    letGo: () => undefined,
    pending: { token: 1, cancel: () => undefined },
    over: false,
  };
  answers = new LaneAnswers({
    store,
    outbox: {
      know: (results: LaneResults, known: typeof session) => {
        results.session = known;
      },
      acknowledge: ({ first, count }: { first: bigint; count: number }) =>
        told.push(`ack ${first}+${count}`),
      refuse: ({ first, message }: { first: bigint; message: string }) =>
        told.push(`refuse ${first} ${message}`),
      result: (_: LaneResults, number: number) => told.push(`result ${number}`),
    } as unknown as TaskOutbox,
    ask: (_, { first, count }) => told.push(`ask ${first}+${count}`),
    fail,
  });
});
const known = (first: number): SubmitOutcome => ({
  kind: "known",
  first,
  count: 1,
  firstTask: first,
});
const created = (first: number): SubmitOutcome => ({
  kind: "created",
  first,
  count: 1,
  firstTask: first,
  creationTime: 2,
});
const closed = new FlameError("invalid_state", "closed");
function answer(first: number, reply: SubmitReply): void {
  lane.answers.run(() => answers.submitted(lane, { first, count: 1 }, reply, true));
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("what a lane is told of its submits", () => {
  it("comes in their order, also when one of them has to be read from the store", async () => {
    answer(1, { session, outcomes: [created(1)] });
    expect(told).toEqual(["ack 1+1"]);
    store.hold();
    answer(1, { session, outcomes: [known(1)] });
    answer(2, { session, outcomes: [created(2)] });
    await settle();
    expect(told).toEqual(["ack 1+1"]);
    store.letGo();
    await settle();
    expect(told).toEqual(["ack 1+1", "ack 1+1", "ask 1+1", "ack 2+1"]);
  });

  it("ends with the lane, also while it is read", async () => {
    store.hold();
    answer(1, { session, outcomes: [known(1), created(2)] });
    await settle();
    lane.over = true;
    store.letGo();
    await settle();
    expect(told).toEqual([]);
  });

  it("is no refusal when the session was deleted while it was read: the lane ends with that", async () => {
    await store.commit([
      {
        kind: "submits.put",
        range: { sessionId: "s", producer: "p", first: 1, firstTask: 1, count: 1 },
      },
    ]);
    await store.commit([{ kind: "session.delete", id: "s" }]);
    await store.makeSession("s", 9);
    answer(1, { session, closed });
    await settle();
    expect(told).toEqual(["not_found: session s not found: it has been deleted"]);
  });

  it("is nothing of another session that bears the id now", () => {
    answer(1, { session, outcomes: [created(1)] });
    answer(1, { session: { id: "s", creationTime: 9 }, outcomes: [created(1)] });
    expect(told).toEqual([
      "ack 1+1",
      "not_found: session s was deleted, and another one bears its id now: open another lane for it",
    ]);
  });

  it("that cannot be read is told as unavailable: the client comes back", async () => {
    store.hold();
    answer(1, { session, outcomes: [known(1)] });
    await settle();
    store.letGo(new Error("disk I/O error"));
    await settle();
    expect(told).toEqual([
      "unavailable: what was submitted before could not be read from the store: disk I/O error; open a stream again",
    ]);
  });
});
