import { describe, expect, it } from "@jest/globals";
import { BegunTask } from "../../../src/sdk/begun-task.ts";
import { type FlowOptions, TaskFlow } from "../../../src/sdk/task-flow.ts";
import { leave } from "../../../src/sdk/wait.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Tasks that end when the test says so. */
class Cluster {
  readonly begun: number[] = [];
  readonly #ends = new Map<
    number,
    { resolve: (value: string) => void; reject: (e: Error) => void }
  >();
  readonly #created = new Map<number, (taskId: string) => void>();

  flow(inputs: Iterable<number> | AsyncIterable<number>, options: Partial<FlowOptions> = {}) {
    return new TaskFlow<number, string>(
      inputs,
      (input, index, onEnd) =>
        new BegunTask(
          index,
          (onCreated) =>
            new Promise((resolve, reject) => {
              this.begun.push(input);
              this.#ends.set(input, { resolve, reject });
              this.#created.set(input, onCreated);
            }),
          onEnd,
        ),
      {
        concurrency: 3,
        ordered: true,
        signal: undefined,
        beginWait: () => () => undefined,
        ...options,
      },
    );
  }

  create(input: number): void {
    this.#created.get(input)?.(`t${input}`);
  }

  end(input: number): void {
    this.#ends.get(input)?.resolve(`out ${input}`);
  }

  fail(input: number): void {
    this.#ends.get(input)?.reject(new Error(`no ${input}`));
  }

  async untilBegun(count: number): Promise<void> {
    await waitFor(`${count} tasks`, () => this.begun.length === count);
  }
}

const outputOf = (task: BegunTask<string> | undefined): unknown =>
  task?.outcome?.ok === true ? task.outcome.value : task?.outcome?.error.message;
/** Whatever is under way has had its turn. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a flow of tasks", () => {
  it("hands them out in the order of the inputs, and takes no more inputs than are to be under way", async () => {
    const cluster = new Cluster();
    const flow = cluster.flow([0, 1, 2, 3, 4]);
    await cluster.untilBegun(3);
    const first = flow.next();
    cluster.end(2);
    cluster.end(1);
    await settled();
    expect(cluster.begun).toEqual([0, 1, 2]);
    cluster.end(0);
    expect(outputOf(await first)).toBe("out 0");
    await cluster.untilBegun(4);
    expect([outputOf(await flow.next()), outputOf(await flow.next())]).toEqual(["out 1", "out 2"]);
    await cluster.untilBegun(5);
    cluster.fail(3);
    cluster.end(4);
    expect([outputOf(await flow.next()), outputOf(await flow.next())]).toEqual(["no 3", "out 4"]);
    expect(await flow.next()).toBeUndefined();
  });

  it("hands them out as they end, each with its place", async () => {
    const cluster = new Cluster();
    const flow = cluster.flow([10, 11, 12, 13], { ordered: false });
    await cluster.untilBegun(3);
    cluster.end(12);
    expect((await flow.next())?.index).toBe(2);
    await cluster.untilBegun(4);
    cluster.end(13);
    cluster.end(10);
    expect([(await flow.next())?.index, (await flow.next())?.index]).toEqual([3, 0]);
  });

  it("gives results while a slow source has nothing more yet", async () => {
    const cluster = new Cluster();
    let more = (): void => undefined;
    async function* slow(): AsyncGenerator<number> {
      yield 0;
      await new Promise<void>((resolve) => {
        more = resolve;
      });
      yield 1;
    }
    const flow = cluster.flow(slow());
    await cluster.untilBegun(1);
    cluster.end(0);
    expect(outputOf(await flow.next())).toBe("out 0");
    more();
    await cluster.untilBegun(2);
    cluster.end(1);
    expect(outputOf(await flow.next())).toBe("out 1");
    expect(await flow.next()).toBeUndefined();
  });

  it("tells of a wait for tasks as long as it lasts, and of none for an input", async () => {
    const cluster = new Cluster();
    const waits: string[] = [];
    let more = (): void => undefined;
    async function* slow(): AsyncGenerator<number> {
      await new Promise<void>((resolve) => {
        more = resolve;
      });
      yield 0;
      yield 1;
    }
    const beginWait = (): (() => void) => {
      waits.push("begins");
      return () => waits.push("ends");
    };
    const flow = cluster.flow(slow(), { beginWait });
    const first = flow.next();
    await settled();
    expect(waits).toEqual([]);
    more();
    await cluster.untilBegun(2);
    cluster.end(1);
    await settled();
    expect(waits).toEqual(["begins"]);
    cluster.end(0);
    const inTime = first.then(() => waits.length);
    expect(await inTime).toBe(2);
    await flow.next();
    expect(waits).toEqual(["begins", "ends"]);
  });

  it("throws what the inputs throw, after what came before it", async () => {
    const cluster = new Cluster();
    function* broken(): Generator<number> {
      yield 0;
      throw new Error("no more paper");
    }
    const flow = cluster.flow(broken());
    await cluster.untilBegun(1);
    cluster.end(0);
    expect(outputOf(await flow.next())).toBe("out 0");
    await expect(flow.next()).rejects.toThrow("no more paper");
  });

  it("throws the signal's reason at once, also while tasks run, and leaves the source", async () => {
    const cluster = new Cluster();
    const stop = new AbortController();
    let left = false;
    function* endless(): Generator<number> {
      try {
        for (let next = 0; ; next++) yield next;
      } finally {
        left = true;
      }
    }
    const flow = cluster.flow(endless(), { signal: stop.signal });
    await cluster.untilBegun(3);
    const next = flow.next();
    stop.abort(new Error("enough"));
    await expect(next).rejects.toThrow("enough");
    await expect(flow.next()).rejects.toThrow("enough");
    flow.stop();
    await waitFor("the source to be left", () => left);
    expect(cluster.begun).toEqual([0, 1, 2]);
  });
});

describe("leaving tasks", () => {
  it("cancels in one call what has not ended, waiting for ids that are not known yet", async () => {
    const cluster = new Cluster();
    const flow = cluster.flow([0, 1, 2, 3], { concurrency: 4 });
    await cluster.untilBegun(4);
    cluster.create(0);
    cluster.create(1);
    cluster.end(1);
    await settled();
    const cancelled: (readonly string[])[] = [];
    const left = leave(flow.open, { cancelTasks: true }, async (ids) => cancelled.push(ids));
    await settled();
    expect(cancelled).toEqual([]);
    cluster.create(3);
    cluster.fail(2);
    await left;
    expect(cancelled).toEqual([["t0", "t3"]]);
  });

  it("calls nobody unless that was asked for, and says when it fails", async () => {
    const cluster = new Cluster();
    const flow = cluster.flow([0]);
    await cluster.untilBegun(1);
    cluster.create(0);
    const fail = async (): Promise<never> => Promise.reject(new Error("it is away"));
    await leave(flow.open, {}, fail);
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await expect(leave(flow.open, { signal, cancelTasks: true }, fail)).rejects.toMatchObject({
      message: expect.stringContaining("cancelling failed (tasks: 1): it is away"),
      cause: reason,
    });
  });
});
