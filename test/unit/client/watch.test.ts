import { describe, expect, it } from "@jest/globals";
import type { Task } from "../../../src/client/index.ts";
import { finalTask, type TaskSource, watchTask } from "../../../src/client/watch.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { FlameError } from "../../../src/model/errors.ts";
import type { TaskState } from "../../../src/model/task.ts";

const task = (state: TaskState): Task => ({
  id: "1",
  sessionId: "s",
  state,
  creationTime: new Date(0),
  events: [],
});
const unavailable = (): FlameError => new FlameError("unavailable", "gone");

/** A source that plays one script per opened watch: states, then an error or a plain end. */
class Script implements TaskSource {
  readonly #watches: (TaskState | FlameError)[][];
  readonly #gets: (TaskState | FlameError)[];
  opened = 0;

  constructor(watches: (TaskState | FlameError)[][], gets: (TaskState | FlameError)[] = []) {
    this.#watches = watches;
    this.#gets = gets;
  }

  async *open(): AsyncGenerator<Task> {
    this.opened++;
    for (const step of this.#watches.shift() ?? [unavailable()]) {
      if (typeof step !== "string") throw step;
      yield task(step);
    }
  }

  async get(): Promise<Task> {
    const step = this.#gets.shift() ?? unavailable();
    if (typeof step !== "string") throw step;
    return task(step);
  }
}

/** Time that passes only while something pauses. */
function fakeTime(): { deps: Parameters<typeof watchTask>[1]; pauses: number[] } {
  const pauses: number[] = [];
  let now = 0;
  const clock: Clock = {
    now: () => 0,
    steady: () => now,
    after: () => ({ cancel: () => undefined }),
  };
  const pause = async (delayMs: number): Promise<void> => {
    pauses.push(delayMs);
    now += delayMs;
  };
  return { deps: { clock, pause, reconnectTimeoutMs: 10_000 }, pauses };
}

async function states(source: TaskSource, time = fakeTime()): Promise<TaskState[]> {
  const seen: TaskState[] = [];
  for await (const { state } of watchTask(source, time.deps)) seen.push(state);
  return seen;
}

describe("watchTask", () => {
  it("yields each state and ends with the final one", async () => {
    expect(await states(new Script([["Running", "Succeed"]]))).toEqual(["Running", "Succeed"]);
  });

  it("opens the watch again after UNAVAILABLE and does not repeat a state", async () => {
    const source = new Script([["Running", unavailable()], [unavailable()], ["Running", "Failed"]]);
    expect(await states(source)).toEqual(["Running", "Failed"]);
    expect(source.opened).toBe(3);
  });

  it("asks for the task when a watch ends early, and believes a final answer", async () => {
    expect(await states(new Script([["Running"]], ["Succeed"]))).toEqual(["Running", "Succeed"]);
  });

  it("watches again when a watch ended early and the task is not final", async () => {
    const source = new Script([[], ["Running", "Cancelled"]], ["Pending"]);
    expect(await states(source)).toEqual(["Pending", "Running", "Cancelled"]);
  });

  it("waits longer each time, up to two seconds, and starts over after a sign of life", async () => {
    const time = fakeTime();
    const lost = Array.from({ length: 7 }, () => [unavailable()]);
    const source = new Script([...lost, ["Running", unavailable()], ["Succeed"]]);
    await states(source, time);
    expect(time.pauses).toEqual([50, 100, 200, 400, 800, 1600, 2000, 50]);
  });

  it("gives up with the last error when the server stays away too long", async () => {
    await expect(states(new Script([]))).rejects.toMatchObject({ code: "unavailable" });
  });

  it("comes again when a server that is too busy said it may, not before", async () => {
    const time = fakeTime();
    const busy = new FlameError("resource_exhausted", "too many watches", { retryAfterMs: 3_000 });
    expect(await states(new Script([[busy], [busy], ["Succeed"]]), time)).toEqual(["Succeed"]);
    expect(time.pauses).toEqual([3_000, 3_000]);
    await expect(states(new Script([[busy], [busy], [busy], [busy], [busy]]))).rejects.toBe(busy);
  });

  it("passes any other error on at once", async () => {
    const source = new Script([[new FlameError("not_found", "task s/1 not found")]]);
    await expect(states(source)).rejects.toThrow("task s/1 not found");
    expect(source.opened).toBe(1);
  });
});

describe("finalTask", () => {
  it("is the last state of a watch", async () => {
    const source = new Script([["Running", "Failed"]]);
    expect(await finalTask(watchTask(source, fakeTime().deps))).toMatchObject({ state: "Failed" });
  });
});
