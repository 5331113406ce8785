import { EventEmitter } from "node:events";
import { expect, it } from "@jest/globals";
import { silentLogger } from "../../../src/kit/logger.ts";
import { FlameError } from "../../../src/model/errors.ts";
import {
  clientsService,
  type TaskStreamDeps,
} from "../../../src/session-manager/frontend/task-stream.ts";

type TasksCall = Parameters<ReturnType<typeof clientsService>["tasks"]>[0];

it("A stream to an engine that stops ends with UNAVAILABLE, so that its client comes back, and holds nothing", () => {
  const ended: unknown[] = [];
  let held = 0;
  const door = {
    stream: (_kind: unknown, _input: unknown, sink: { end: (error: FlameError) => void }) => {
      sink.end(new FlameError("unavailable", "the session manager is stopping"));
      return { token: 1, cancel: () => undefined };
    },
  };
  const call = Object.assign(new EventEmitter(), {
    getPeer: () => "peer",
    metadata: { get: () => [] },
    sendMetadata: () => undefined,
  });
  call.on("error", (error) => ended.push(error));
  const deps = {
    engine: { of: () => door },
    finished: {
      holdWhere: () => {
        held++;
        return () => held--;
      },
    },
    logger: silentLogger,
  } as unknown as TaskStreamDeps;
  clientsService(deps).tasks(call as unknown as TasksCall);
  const lane = (id: number) => ({ lane: id, sessionId: "s", producer: "p" });
  call.emit("data", { lanes: [lane(1), lane(2)], submits: [], follows: [] });
  expect(ended).toEqual([
    expect.objectContaining({ code: 14, details: "the session manager is stopping" }),
  ]);
  expect(held).toBe(0);
});
