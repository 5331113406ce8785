import { beforeEach, describe, expect, it } from "@jest/globals";
import { ExecutorBook, type ExecutorEntry } from "../../../src/executors/executor-book.ts";
import { Flag } from "../../../src/kit/flag.ts";
import { Turn } from "../../../src/kit/turn.ts";
import type { Change } from "../../../src/model/change.ts";
import type { FlameError } from "../../../src/model/errors.ts";
import {
  type ExecutorRecord,
  type ExecutorState,
  executorTransitions,
} from "../../../src/model/executor.ts";

const states = Object.keys(executorTransitions) as ExecutorState[];
const record = (state: ExecutorState, id = "e1", node = "n1"): ExecutorRecord => ({
  id,
  node,
  resreq: { cpu: 1, memory: 1, gpu: 0 },
  shim: "Host",
  state,
});
let book: ExecutorBook;
let wanted: Flag;
let turn: Turn<Change, FlameError>;

beforeEach(() => {
  wanted = new Flag();
  book = new ExecutorBook(wanted);
  turn = new Turn(1);
});

describe("transitions of an executor", () => {
  const pairs = states.flatMap((from) => states.map((to) => [from, to] as const));
  const allowed = pairs.filter(([from, to]) => executorTransitions[from].includes(to));
  const forbidden = pairs.filter(([from, to]) => !executorTransitions[from].includes(to));

  it("are these and no others", () => {
    expect(allowed.map(([from, to]) => `${from} -> ${to}`)).toEqual([
      "Void -> Idle",
      "Idle -> Binding",
      "Idle -> Releasing",
      "Binding -> Idle",
      "Binding -> Bound",
      "Binding -> Unbinding",
      "Bound -> Unbinding",
      // Its running task was ended by somebody: the node ends the service and gives the executor back.
      "Bound -> Releasing",
      "Unbinding -> Idle",
    ]);
  });

  it.each(allowed)("%s -> %s is written", (from, to) => {
    const entry = book.restore(record(from));
    book.transition(turn, entry, to, "s");
    expect(entry.record).toEqual({ ...record(to), sessionId: "s" });
    expect(turn.changes).toEqual([{ kind: "executor.put", record: entry.record }]);
  });

  it.each(forbidden)("%s -> %s is refused and changes nothing", (from, to) => {
    const entry = book.restore(record(from));
    expect(() => book.transition(turn, entry, to)).toThrow(
      `executor e1 is ${from}: it cannot become ${to}`,
    );
    expect(entry.record).toEqual(record(from));
    expect(turn.changes).toEqual([]);
  });

  it("a session that is not named again is left", () => {
    const entry = book.restore({ ...record("Unbinding"), sessionId: "s" });
    book.transition(turn, entry, "Idle");
    expect(entry.record).not.toHaveProperty("sessionId");
  });
});

describe("the book of executors", () => {
  it("knows the executors of each node", () => {
    const one = book.create(turn, record("Void", "e1", "n1"));
    const two = book.create(turn, record("Void", "e2", "n1"));
    book.create(turn, record("Void", "e3", "n2"));
    expect([...book.ofNode("n1")]).toEqual([one, two]);
    book.delete(turn, one);
    expect([...book.ofNode("n1")]).toEqual([two]);
    expect([...book.ofNode("n9")]).toEqual([]);
    expect(book.size).toBe(2);
    expect(book.find("e1")).toBeUndefined();
  });

  it("writes a shim only when it is another one", () => {
    const entry = book.restore(record("Idle"));
    book.setShim(turn, entry, "Host");
    expect(turn.changes).toEqual([]);
    book.setShim(turn, entry, "Wasm");
    expect(turn.changes).toHaveLength(1);
  });

  it("an executor whose session is gone serves none, in any state", () => {
    for (const state of ["Binding", "Bound", "Unbinding"] as const) {
      const entry = book.restore({ ...record(state), sessionId: "s" });
      entry.running = { id: "l", taskId: 4 };
      book.detach(turn, entry);
      expect(entry.record).toEqual(record(state));
      expect(entry.taskId).toBeUndefined();
    }
  });
});

describe("the scheduler is to look again", () => {
  it.each<[string, (entry: ExecutorEntry) => unknown]>([
    ["a new executor", () => book.create(turn, record("Void", "e2"))],
    ["a transition", (entry) => book.transition(turn, entry, "Unbinding")],
    ["a session that is gone", (entry) => book.detach(turn, entry)],
    ["another shim", (entry) => book.setShim(turn, entry, "Wasm")],
    ["an executor that is gone", (entry) => book.delete(turn, entry)],
    ["an executor to be given up", (entry) => book.reclaim(entry)],
    ["an executor that has left its session", (entry) => book.leftSession(entry)],
    ["a task that waits for others", () => book.setAwaits({ id: "l", taskId: 1 }, ["s2"])],
    ["a task that goes on", () => book.setAwaits({ id: "l", taskId: 1 }, [])],
  ])("after %s", (_what, change) => {
    const entry = book.restore(record("Bound"));
    expect(wanted.isRaised).toBe(false);
    change(entry);
    expect(wanted.isRaised).toBe(true);
  });

  it("after the end of a task that waited for others, and of no other one", () => {
    const entry = book.restore(record("Bound"));
    entry.running = { id: "l1", taskId: 1 };
    book.endRunning(entry);
    expect(entry.running).toBeUndefined();
    expect(wanted.isRaised).toBe(false);
    const waiting = { id: "l2", taskId: 2, awaits: new Set(["s2"]) };
    entry.running = waiting;
    book.endRunning(entry);
    expect(wanted.isRaised).toBe(true);
  });

  it("not after the same shim again", () => {
    book.setShim(turn, book.restore(record("Idle")), "Host");
    expect(wanted.isRaised).toBe(false);
  });
});
