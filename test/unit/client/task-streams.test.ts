import { EventEmitter } from "node:events";
import { describe, expect, it } from "@jest/globals";
import { TaskStreams, type TaskStreamsDeps } from "../../../src/client/task-streams.ts";
import { UnaryTasks } from "../../../src/client/unary-tasks.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { FlameError } from "../../../src/model/errors.ts";
import {
  type TasksRequest,
  TasksResponse,
} from "../../../src/protocol/generated/flame/stream/v1/clients.ts";
import { readIncomingTasks } from "../../../src/protocol/incoming-results.ts";
import { waitFor } from "../../support/wait-for.ts";

/** A stream that answers at once, makes a task of each submit, and ends it. */
class AnsweringCall extends EventEmitter {
  lanes = 0;
  ended = false;

  constructor() {
    super();
    setImmediate(() => this.emit("metadata"));
  }

  write({ lanes, submits }: TasksRequest, written: () => void): boolean {
    this.lanes += lanes.length;
    const acknowledgements = submits.map(({ lane, first, inputs }) => ({
      lane,
      first,
      count: inputs.length,
      firstTask: first,
      creationTime: 1,
    }));
    const result = { state: 2, elsewhere: false, creationTime: 1, completionTime: 1, events: [] };
    const results = submits.map(({ lane, first, inputs }) => ({
      lane,
      first,
      results: inputs.map((_, offset) => ({ ...result, offset })),
    }));
    const response = { acknowledgements, refusals: [], results, ends: [] };
    const bytes = TasksResponse.encode(response).finish();
    setImmediate(() => {
      written();
      this.emit("data", readIncomingTasks(bytes));
    });
    return true;
  }

  end(): void {
    this.ended = true;
  }

  cancel(): void {
    this.ended = true;
  }
}

function withCalls(): { streams: TaskStreams; calls: AnsweringCall[]; unary: UnaryTasks } {
  const calls: AnsweringCall[] = [];
  const rpc = {
    duplex: () => {
      const call = new AnsweringCall();
      calls.push(call);
      return call;
    },
    failure: (error: unknown) => FlameError.from(error),
    onceDisconnected: () => undefined,
  } as unknown as TaskStreamsDeps["rpc"];
  const streams = new TaskStreams({
    rpc,
    clock: systemClock,
    callTimeoutMs: 1_000,
    reconnectTimeoutMs: 1_000,
  });
  const none = async (): Promise<never> => {
    throw new FlameError("internal", "not called");
  };
  return { streams, calls, unary: new UnaryTasks("s", { create: none, finished: none }, 4) };
}

describe("the streams of a client", () => {
  it("are more than one before a stream has more lanes than a server takes", async () => {
    const { streams, calls, unary } = withCalls();
    for (let round = 0; round < 9; round++)
      await Promise.all(
        Array.from({ length: 1_000 }, () => streams.lane(unary).run(Buffer.from("x"))),
      );
    expect(calls.map(({ lanes }) => lanes)).toEqual([8_000, 1_000]);
    await waitFor("the end of both", () => calls.every(({ ended }) => ended), {
      deadlineMs: 30_000,
    });
    streams.close();
  });

  it("have one lane for each handle of a session, however often it is used", async () => {
    const { streams, calls, unary } = withCalls();
    const lane = streams.lane(unary);
    for (let task = 1; task <= 100; task++)
      expect(await lane.run(undefined)).toMatchObject({ id: String(task), state: "Succeed" });
    expect(calls.map(({ lanes }) => lanes)).toEqual([1]);
    streams.close();
    expect(calls[0]?.ended).toBe(true);
    await expect(streams.lane(unary).run(undefined)).rejects.toMatchObject({ code: "unavailable" });
  });
});
