import { beforeEach, describe, expect, it } from "@jest/globals";
import type { SubmitOutcome, SubmitReply } from "../../../src/core/submit-batch.ts";
import { internalCaller } from "../../../src/model/caller.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { Machine } from "./machine.ts";

let machine: Machine;

beforeEach(() => {
  machine = new Machine();
  machine.register("app");
  machine.open("s");
});

const batch = (first: number, count: number, producer = "p") => ({
  sessionId: "s",
  producer,
  first,
  inputs: Array.from({ length: count }, (_, at): Buffer | FlameError =>
    Buffer.from(`${first + at}`),
  ),
});
const outcomes = (reply: SubmitReply): readonly SubmitOutcome[] => {
  if ("closed" in reply) throw reply.closed;
  return reply.outcomes;
};
const submit = (first: number, count: number, producer?: string): readonly SubmitOutcome[] =>
  outcomes(machine.ask("submit.tasks", batch(first, count, producer)));
const tasks = (): number => machine.tables.tasks("s", 0, 1000).length;
const ranges = (producer = "p"): (readonly [number, number, number])[] =>
  machine.tables.submits("s", producer).map((one) => [one.first, one.firstTask, one.count]);

describe("submits by number", () => {
  it("become tasks in their order, as one range while nobody else submits", () => {
    expect(submit(1, 3)).toEqual([
      { kind: "created", first: 1, count: 3, firstTask: 1, creationTime: machine.now },
    ]);
    submit(4, 2);
    submit(1, 1, "other");
    submit(6, 1);
    expect(ranges()).toEqual([
      [1, 1, 5],
      [6, 7, 1],
    ]);
    expect(ranges("other")).toEqual([[1, 6, 1]]);
    expect(machine.tables.payload("s", 7, "input")?.toString()).toBe("6");
  });

  it("that come again, or in part, make no second task, also after a restart", async () => {
    submit(1, 3);
    submit(1, 1, "other");
    expect(submit(2, 4)).toEqual([
      { kind: "known", first: 2, count: 2, firstTask: 2 },
      { kind: "created", first: 4, count: 2, firstTask: 5, creationTime: machine.now },
    ]);
    await machine.restart();
    expect(submit(1, 6)).toEqual([
      { kind: "known", first: 1, count: 3, firstTask: 1 },
      { kind: "known", first: 4, count: 2, firstTask: 5 },
      { kind: "created", first: 6, count: 1, firstTask: 7, creationTime: machine.now },
    ]);
    expect(tasks()).toBe(7);
    expect(ranges()).toEqual([
      [1, 1, 3],
      [4, 5, 3],
    ]);
  });

  it("that leave a gap are an error that says what was expected, and change nothing", () => {
    submit(1, 2);
    const { code, message } = machine.refusal("submit.tasks", batch(4, 1));
    expect(code).toBe("invalid_argument");
    expect(message).toContain(
      "submit 4 to session s leaves a gap: got number 4, expected at most 3",
    );
    expect(machine.refusal("submit.tasks", batch(2, 1, "new")).message).toContain("at most 1");
    expect(tasks()).toBe(2);
  });

  it("that are refused use their numbers up, for good, and hold nobody up", async () => {
    const some = batch(1, 3);
    some.inputs[1] = new FlameError("resource_exhausted", "too large");
    expect(outcomes(machine.ask("submit.tasks", some))).toMatchObject([
      { kind: "created", first: 1, count: 1, firstTask: 1 },
      { kind: "refused", first: 2, count: 1, error: { message: "too large" } },
      { kind: "created", first: 3, count: 1, firstTask: 2 },
    ]);
    await machine.restart();
    expect(submit(1, 4)).toMatchObject([
      { kind: "known", first: 1, count: 1 },
      { kind: "refused", first: 2, error: { code: "aborted", retryAfterMs: 0 } },
      { kind: "known", first: 3, count: 1, firstTask: 2 },
      { kind: "created", first: 4, firstTask: 3 },
    ]);
    expect(tasks()).toBe(3);
  });

  it("are refused beyond the open tasks that a session may have, each with when to come again", () => {
    machine = new Machine({ openTasksMax: 4 });
    machine.register("app");
    machine.open("s");
    const [created, refused] = submit(1, 5);
    expect(created).toMatchObject({ kind: "created", count: 2 });
    expect(refused).toMatchObject({ kind: "refused", first: 3, count: 3 });
    expect(refused?.kind === "refused" && refused.error.retryAfterMs).toBe(1000);
    machine.ask("session.cancel", {
      sessionId: "s",
      pendingOnly: true,
      close: false,
      caller: internalCaller,
    });
    expect(submit(6, 1)).toMatchObject([{ kind: "created", firstTask: 3 }]);
  });

  it("to a closed session are for the store to know, to an unknown one an error", () => {
    submit(1, 1);
    machine.ask("session.close", { id: "s" });
    const reply = machine.ask("submit.tasks", batch(1, 2));
    expect("closed" in reply && reply.closed.message).toContain("closed session s");
    expect(ranges()).toEqual([[1, 1, 1]]);
    expect(
      machine.ask("submit.follow", { sessionId: "s", producer: "p", first: 1, count: 1 }),
    ).toMatchObject({ closed: true, session: { id: "s" } });
    machine.ask("session.delete", { id: "s" });
    expect(machine.refusal("submit.tasks", batch(2, 1)).code).toBe("not_found");
    expect(ranges()).toEqual([]);
    machine.open("s");
    expect(submit(1, 1)).toMatchObject([{ kind: "created", firstTask: 1 }]);
  });
});

describe("who follows submits", () => {
  const follow = (first: number, count: number) =>
    machine.ask("submit.follow", { sessionId: "s", producer: "p", first, count });

  it("hears how each task of its producer ends, by number, and what has ended before it asked", () => {
    machine.task("s");
    submit(1, 2);
    submit(1, 1, "other");
    submit(3, 1);
    const cancel = (id: number): void =>
      void machine.ask("session.cancel", {
        sessionId: "s",
        taskIds: [id],
        pendingOnly: true,
        close: false,
        caller: internalCaller,
      });
    cancel(3);
    const stream = machine.begin("submit.open", { sessionId: "s", producer: "p" });
    expect(follow(1, 3)).toMatchObject({ ended: [{ first: 2, count: 1, firstTask: 3 }] });
    for (const id of [1, 2, 4]) cancel(id);
    expect(stream.pushes).toMatchObject([{ number: 1, task: { id: 2, state: "Cancelled" } }]);
    machine.ask("session.close", { id: "s" });
    expect(stream.pushes).toMatchObject([
      { number: 1 },
      { number: 3, task: { id: 5, state: "Cancelled" } },
    ]);
  });

  it("cannot follow what is no task", () => {
    submit(1, 1);
    expect(
      machine.refusal("submit.follow", { sessionId: "s", producer: "p", first: 1, count: 2 })
        .message,
    ).toContain("submit 2 to session s is no task");
  });

  it("gives way to another stream of its producer, and is forgotten when it goes", () => {
    const first = machine.begin("submit.open", { sessionId: "s", producer: "p" });
    const second = machine.begin("submit.open", { sessionId: "s", producer: "p" });
    expect(first.ended).toBe(true);
    expect(second.ended).toBe(false);
    machine.cancel(first);
    submit(1, 1);
    machine.ask("session.close", { id: "s" });
    expect(second.pushes).toHaveLength(1);
  });
});
