import { expect, it } from "@jest/globals";
import { readOrder } from "../../../src/executor-manager/executor-messages.ts";
import type { Executor, ExecutorState } from "../../../src/protocol/generated/flame/v1/types.ts";

function pushed(state: number, id = "e1"): Executor {
  return {
    metadata: { id, name: id },
    spec: { node: "n", resreq: { cpu: 1n, memory: 1n, gpu: 0 }, shim: 0 },
    status: { state: state as ExecutorState, sessionId: undefined },
  };
}

it("an executor in a known state is read", () => {
  expect(readOrder(pushed(1))).toMatchObject({ id: "e1", state: 1 });
});

it.each([0, 99, -1])("an executor in the unknown state %d is refused", (state) => {
  expect(() => readOrder(pushed(state))).toThrow(/"e1" in no known state/);
});

it("an executor whose id leads out of a folder is refused", () => {
  expect(() => readOrder(pushed(1, "../e1"))).toThrow(/cannot be a file name/);
});

it.each(["metadata", "spec", "status"] as const)("an executor without %s is refused", (part) => {
  expect(() => readOrder({ ...pushed(1), [part]: undefined })).toThrow(/without metadata, spec/);
});
