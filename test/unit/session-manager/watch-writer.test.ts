import { beforeEach, describe, expect, it } from "@jest/globals";
import { FlameError } from "../../../src/model/errors.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import { WatchWriter } from "../../../src/session-manager/watch-writer.ts";

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
let writer: WatchWriter;

beforeEach(() => {
  [got, take, rooms, needsRoom, givenBack] = [[], [], [], false, 0];
  writer = new WatchWriter(
    {
      room: () => {
        if (!needsRoom) return undefined;
        return new Promise((resolve, reject) => {
          rooms.push({
            proceed: () => {
              resolve(() => givenBack++);
            },
            fail: reject,
          });
        });
      },
      write: ({ state }, taken) => {
        got.push(state);
        take.push(taken);
      },
      end: () => got.push("end"),
      fail: ({ message }) => got.push(`failed: ${message}`),
    },
    (reply) => {
      if ("stored" in reply) throw new FlameError("not_found", "task 1 not found");
      return reply.task;
    },
  );
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

  it("of a task that was deleted meanwhile end with why", () => {
    writer.push({ stored: { sessionId: "s", taskId: 1 } });
    writer.end();
    expect(got).toEqual(["failed: task 1 not found"]);
  });

  it("end when the call does while they wait for room", async () => {
    needsRoom = true;
    writer.push({ task: task("Succeed") });
    writer.end();
    rooms[0]?.fail(new FlameError("aborted", "the call has ended"));
    await settle();
    expect(got).toEqual(["failed: the call has ended"]);
  });
});
