import { beforeEach, describe, expect, it } from "@jest/globals";
import { Flag } from "../../../src/kit/flag.ts";
import { Turn } from "../../../src/kit/turn.ts";
import type { Change } from "../../../src/model/change.ts";
import type { FlameError } from "../../../src/model/errors.ts";
import { eventMessageCharsMax } from "../../../src/model/limits.ts";
import type { SessionRecord } from "../../../src/model/session.ts";
import { SessionBook } from "../../../src/sessions/session-book.ts";
import {
  completeTask,
  createTask,
  failAttempt,
  failPending,
  launchTask,
  requeueTask,
  stopTask,
} from "../../../src/sessions/task-life.ts";
import { unwatchTask, watchTask } from "../../../src/sessions/watches.ts";
import { streamToken } from "../../support/tokens.ts";

const record = (id: string, application = "app"): SessionRecord => ({
  id,
  application,
  applicationRevision: 1,
  state: "Open",
  creationTime: 1,
  resreq: { cpu: 1, memory: 1, gpu: 0 },
  minInstances: 0,
  priority: 0,
  owner: "me",
  events: [],
});
let book: SessionBook;
let wanted: Flag;
let turn: Turn<Change, FlameError>;

beforeEach(() => {
  wanted = new Flag();
  book = new SessionBook(wanted);
  turn = new Turn(1_000);
});
const create = (id: string, application?: string) =>
  book.create(turn, record(id, application), undefined);

describe("the book of sessions", () => {
  it("counts the open sessions of an application", () => {
    for (const id of ["a", "b"]) create(id);
    create("c", "other");
    book.close(turn, book.get("a"));
    expect(book.openSessionsOf("app")).toBe(1);
    expect(book.openSessionsOf("other")).toBe(1);
    expect(book.openSessionsOf("none")).toBe(0);
    expect([...book.closedOf("app")].map((entry) => entry.record.id)).toEqual(["a"]);
  });

  it("names those that were closed longest ago, as many as there are too many", () => {
    for (const id of ["a", "b", "c", "d"]) create(id);
    for (const [at, id] of [
      [10, "b"],
      [20, "c"],
      [30, "a"],
    ] as const)
      book.close(new Turn(at), book.get(id));
    const beyond = (most: number) => book.closedBeyond(most, 100).map((entry) => entry.record.id);
    expect(beyond(4)).toEqual([]);
    expect(beyond(3)).toEqual(["b"]);
    expect(beyond(1)).toEqual(["b", "c", "a"]);
    expect(beyond(0)).toEqual(["b", "c", "a"]);
  });

  it("writes one change for all tasks that a close cancels", () => {
    const entry = create("a");
    for (let task = 0; task < 100; task++) createTask(turn, entry, undefined, 1);
    const closing: Turn<Change, FlameError> = new Turn(2_000);
    book.close(closing, entry);
    expect(closing.changes.map(({ kind }) => kind)).toEqual(["tasks.cancel", "session.put"]);
    expect(entry.counts).toMatchObject({ pending: 0, cancelled: 100 });
    expect(entry.tasks.size).toBe(0);
  });

  it("cuts an event's message that is too long", () => {
    const entry = create("a");
    book.addEvent(turn, entry, 1001, "x".repeat(eventMessageCharsMax + 1));
    expect(entry.record.events[0]?.message).toHaveLength(eventMessageCharsMax);
  });

  it("shows copies of the counts, which later changes leave alone", () => {
    const entry = create("a");
    const view = entry.view();
    createTask(turn, entry, undefined, 1);
    expect(view.counts.pending).toBe(0);
    expect(entry.view().counts.pending).toBe(1);
  });
});

describe("the life of a task", () => {
  it("hands nothing out when nothing is Pending", () => {
    expect(launchTask(turn, create("a"), "e1")).toBeUndefined();
  });

  it("goes back with its reason, and is handed out again as the next attempt", () => {
    const entry = create("a");
    createTask(turn, entry, undefined, 1);
    const first = launchTask(turn, entry, "e1");
    const back = requeueTask(turn, entry, first!, "the moon was full");
    expect(back).toMatchObject({ state: "Pending", attempt: 1, crashes: 0 });
    expect(back.executorId).toBeUndefined();
    expect(back.events.at(-1)?.message).toContain("the moon was full");
    expect(launchTask(turn, entry, "e2")).toMatchObject({ attempt: 2, executorId: "e2" });
    expect(entry.counts).toMatchObject({ pending: 0, running: 1 });
  });

  it("leaves earlier records as they were", () => {
    const entry = create("a");
    const made = createTask(turn, entry, undefined, 1);
    launchTask(turn, entry, "e1");
    expect(made.state).toBe("Pending");
    expect(made.events).toHaveLength(1);
  });
});

describe("watches", () => {
  it("a watcher that is not there cannot be removed, and removes no other", () => {
    const entry = create("a");
    const task = createTask(turn, entry, undefined, 1);
    watchTask(entry, task, streamToken(7));
    unwatchTask(entry, task.id, 8);
    unwatchTask(entry, 99, 7);
    expect(entry.watchers.get(task.id)).toHaveLength(1);
    unwatchTask(entry, task.id, 7);
    expect(entry.watchers.size).toBe(0);
  });
});

describe("the scheduler is to look again", () => {
  const lowered = (change: () => unknown): boolean => {
    wanted.lower();
    change();
    return wanted.isRaised;
  };

  it("when a session comes, loses its Pending tasks, or is closed", () => {
    expect(lowered(() => create("a"))).toBe(true);
    const entry = book.get("a");
    createTask(turn, entry, undefined, 1);
    expect(lowered(() => book.cancelPending(turn, entry))).toBe(true);
    expect(lowered(() => book.cancelPending(turn, entry))).toBe(false);
    expect(lowered(() => book.close(turn, entry))).toBe(true);
    expect(lowered(() => book.close(turn, entry))).toBe(false);
  });

  it("when a task goes back, or ends otherwise than by its service", () => {
    const entry = create("a");
    const run = () => {
      createTask(turn, entry, undefined, 1);
      const task = launchTask(turn, entry, "e1");
      if (task === undefined) throw new Error("no task was Pending");
      return task;
    };
    const why = { code: 1, detail: "d", message: "m" };
    const crash = { kind: "crashes", reason: "r" } as const;
    const [failed, stopped, requeued] = [run(), run(), run()];
    expect(
      lowered(() => failAttempt(turn, entry, failed, crash, { crashes: 1, lostNodes: 1 })),
    ).toBe(true);
    expect(lowered(() => stopTask(turn, entry, stopped, why))).toBe(true);
    expect(lowered(() => requeueTask(turn, entry, requeued, "r"))).toBe(true);
    const pending = entry.tasks.get(requeued.id) ?? requeued;
    expect(lowered(() => failPending(turn, entry, pending, why))).toBe(true);
  });

  it("not when a task comes, begins and ends as it should: the core knows when that matters", () => {
    const entry = create("a");
    expect(
      lowered(() => {
        createTask(turn, entry, undefined, 1);
        const task = launchTask(turn, entry, "e1");
        if (task !== undefined) completeTask(turn, entry, task, { returnCode: 0 });
      }),
    ).toBe(false);
  });
});
