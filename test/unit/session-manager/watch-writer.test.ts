import { beforeEach, describe, expect, it } from "@jest/globals";
import { FlameError } from "../../../src/model/errors.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import { WatchWriter } from "../../../src/session-manager/frontend/watch-writer.ts";

const task = (state: TaskRecord["state"]): TaskRecord => ({
  sessionId: "s",
  id: 1,
  state,
  creationTime: 0,
  attempt: 0,
  crashes: 0,
  lostNodes: 0,
  term: 0,
  events: [],
});

/** What the client of the watch has got, and how it takes it. */
let got: string[];
let take: (() => void)[];
let rooms: { proceed: () => void; fail: (error: Error) => void }[];
let needsRoom: boolean;
let givenBack: number;
let isAtHand: boolean;
let reads: ((failure?: Error) => void)[];
let writer: WatchWriter<TaskRecord["state"]>;

beforeEach(() => {
  [got, take, rooms, needsRoom, givenBack] = [[], [], [], false, 0];
  [isAtHand, reads] = [true, []];
  writer = new WatchWriter<TaskRecord["state"]>({
    atHand: (reply) => ("stored" in reply || needsRoom || !isAtHand ? undefined : reply.task.state),
    record: async (reply) => {
      if ("stored" in reply) throw new FlameError("not_found", "task 1 not found");
      return reply.task;
    },
    room: () => {
      if (!needsRoom) return Promise.resolve(() => givenBack++);
      return new Promise((resolve, reject) => {
        rooms.push({
          proceed: () => {
            resolve(() => givenBack++);
          },
          fail: reject,
        });
      });
    },
    read: ({ state }) =>
      new Promise((resolve, reject) => {
        reads.push((failure) => (failure === undefined ? resolve(state) : reject(failure)));
        if (needsRoom) resolve(state);
      }),
    write: (state, taken) => {
      got.push(state);
      take.push(taken);
    },
    end: () => got.push("end"),
    fail: ({ message }) => got.push(`failed: ${message}`),
  });
});
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("the states of a watched task", () => {
  it("go to a client that takes them, the last one and the end at once", () => {
    writer.push({ task: task("Running") });
    take[0]?.();
    writer.push({ task: task("Succeed") });
    writer.end();
    expect(got).toEqual(["Running", "Succeed", "end"]);
  });

  it("are kept back while the client does not take the one before, the newest alone", () => {
    writer.push({ task: task("Running") });
    writer.push({ task: task("Pending") });
    writer.push({ task: task("Failed") });
    writer.end();
    expect(got).toEqual(["Running"]);
    take[0]?.();
    expect(got).toEqual(["Running", "Failed", "end"]);
    take[1]?.();
    expect(got).toHaveLength(3);
  });

  it("wait for room when they are large, and never end before", async () => {
    needsRoom = true;
    writer.push({ task: task("Running") });
    writer.push({ task: task("Succeed") });
    writer.end();
    await settle();
    expect(got).toEqual([]);
    // A newer one has come meanwhile: the older one's room goes back.
    rooms[0]?.proceed();
    await settle();
    expect([got, givenBack]).toEqual([[], 1]);
    rooms[1]?.proceed();
    await settle();
    expect(got).toEqual(["Succeed", "end"]);
    take[0]?.();
    expect(givenBack).toBe(2);
  });

  it("end with the error of the machine, of the read or of the room, and nothing after it", async () => {
    writer.end(new FlameError("unavailable", "stopping"));
    writer.push({ task: task("Running") });
    writer.end();
    expect(got).toEqual(["failed: stopping"]);
  });

  it("of a task that was deleted meanwhile end with why", async () => {
    writer.push({ stored: { session: { id: "s", creationTime: 1 }, taskId: 1 } });
    writer.end();
    await settle();
    expect(got).toEqual(["failed: task 1 not found"]);
  });

  it("end when the call does while they wait for room", async () => {
    needsRoom = true;
    writer.push({ task: task("Succeed") });
    writer.end();
    await settle();
    rooms[0]?.fail(new FlameError("aborted", "the call has ended"));
    await settle();
    expect(got).toEqual(["failed: the call has ended"]);
  });

  it("that are read from the store leave when they were read, the newest alone, and the end behind them", async () => {
    isAtHand = false;
    writer.push({ task: task("Running") });
    await settle();
    writer.push({ task: task("Succeed") });
    writer.end();
    reads[0]?.();
    await settle();
    expect([got, givenBack, reads.length]).toEqual([[], 1, 2]);
    reads[1]?.();
    await settle();
    expect(got).toEqual(["Succeed", "end"]);
    take[0]?.();
    expect(givenBack).toBe(2);
  });

  it("that cannot be read end with why, and their room goes back", async () => {
    isAtHand = false;
    writer.push({ task: task("Succeed") });
    await settle();
    reads[0]?.(new FlameError("internal", "disk I/O error"));
    await settle();
    expect([got, givenBack]).toEqual([["failed: disk I/O error"], 1]);
  });

  it("of a call that ended while they were read do not leave", async () => {
    isAtHand = false;
    writer.push({ task: task("Succeed") });
    await settle();
    writer.end(new FlameError("aborted", "the call has ended"));
    reads[0]?.();
    await settle();
    expect([got, givenBack]).toEqual([["failed: the call has ended"], 1]);
  });
});
