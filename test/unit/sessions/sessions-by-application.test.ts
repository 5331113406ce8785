import { expect, it } from "@jest/globals";
import { Flag } from "../../../src/kit/flag.ts";
import { Turn } from "../../../src/kit/turn.ts";
import type { Change } from "../../../src/model/change.ts";
import type { FlameError } from "../../../src/model/errors.ts";
import { noTasks, type TaskCounts } from "../../../src/model/session.ts";
import { SessionBook } from "../../../src/sessions/session-book.ts";
import type { SessionEntry } from "../../../src/sessions/session-entry.ts";
import { createTask } from "../../../src/sessions/task-life.ts";
import { Random } from "../../support/random.ts";

const applications = ["a", "b", "c"];
const turn = new Turn<Change, FlameError>(1_000);

function open(book: SessionBook, id: string, application: string): void {
  const record = {
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
  } as const;
  if (book.leaving.find(id) === undefined) book.create(turn, record, undefined);
}

/** One of the things that happen to sessions. */
function step(book: SessionBook, random: Random): void {
  const id = `s${random.between(1, 12)}`;
  const entry = book.find(id);
  const isOpen = entry?.record.state === "Open";
  const what = random.between(1, 6);
  if (entry === undefined) open(book, id, random.pick(applications));
  else if (isOpen && what <= 2) createTask(turn, entry, undefined, 1);
  else if (isOpen && what === 3) book.cancelPending(turn, entry);
  else if (isOpen) book.close(turn, entry);
  else if (what === 1) book.leave(random.pick(applications));
  else if (what === 2) book.noteObjectsDeleted(turn, [id]);
  else book.delete(turn, entry);
  if (random.chance(0.2)) {
    const application = random.pick(applications);
    for (const left of [...book.leaving.of(application, 2)]) book.delete(turn, left);
  }
}

/** What the book says of itself, and what a walk over all sessions finds. */
function said(book: SessionBook): unknown {
  return {
    closed: book.closedCount,
    tasks: book.taskCounts(),
    of: applications.map((one) => ({
      open: [...book.openOf(one)],
      openCount: book.openSessionsOf(one),
      closed: new Set(book.closedOf(one)),
      closedCount: book.closedSessionsOf(one),
    })),
    withClosed: new Set(book.applicationsOfClosed()),
  };
}
function walked(book: SessionBook): unknown {
  const all = [...book.all()];
  const closed = all.filter(({ record }) => record.state === "Closed");
  const tasks: TaskCounts = noTasks();
  for (const { counts } of all)
    for (const key of Object.keys(tasks) as (keyof TaskCounts)[]) tasks[key] += counts[key];
  const ofApplication = (entries: SessionEntry[], one: string): SessionEntry[] =>
    entries.filter(({ record }) => record.application === one);
  return {
    closed: closed.length,
    tasks,
    of: applications.map((one) => ({
      open: ofApplication([...book.open()], one),
      openCount: ofApplication([...book.open()], one).length,
      closed: new Set(ofApplication(closed, one)),
      closedCount: ofApplication(closed, one).length,
    })),
    withClosed: new Set(closed.map(({ record }) => record.application)),
  };
}

it("the book says of applications and tasks what a walk over all sessions finds, whatever happens: 40 seeds", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const book = new SessionBook(new Flag());
    for (let count = 0; count < 200; count++) {
      step(book, random);
      expect({ seed, count, ...(said(book) as object) }).toEqual({
        seed,
        count,
        ...(walked(book) as object),
      });
    }
  }
});
