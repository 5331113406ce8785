import { describe, expect, it } from "@jest/globals";
import { readBinding, readOrder } from "../../../src/executor-manager/executor-messages.ts";
import {
  ApplicationSpec,
  type Executor,
  type ExecutorState,
  SessionSpec,
  SessionStatus,
} from "../../../src/protocol/generated/flame/v1/types.ts";

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

describe("the packages of a session", () => {
  const application = (packages?: string[]) => ({
    metadata: { id: "app", name: "app" },
    spec: ApplicationSpec.fromPartial({ packages: packages && { entries: packages } }),
    status: undefined,
  });
  const session = (packages?: string[]) => ({
    metadata: { id: "s", name: "s" },
    spec: SessionSpec.fromPartial({ packages: packages && { entries: packages } }),
    status: SessionStatus.fromPartial({ creationTime: 2n * 86_400_000n + 1_000n }),
  });
  const sourceOf = (ofApplication?: string[], ofSession?: string[]) =>
    readBinding({ application: application(ofApplication), session: session(ofSession) })?.source;

  it.each([
    ["of the application, then its own", ["a", "b"], ["c"], ["a", "b", "c"]],
    ["those of the application", ["a"], undefined, ["a"]],
    ["its own", undefined, ["c"], ["c"]],
    ["none", undefined, undefined, []],
  ])("are %s", (_name, ofApplication, ofSession, expected) => {
    expect(sourceOf(ofApplication, ofSession)?.packages).toEqual(expected);
  });

  it("are those of the day of the session", () => {
    expect(sourceOf(["a"])?.since).toBe(2 * 86_400_000);
    expect(sourceOf(undefined, ["c"])?.since).toBe(2 * 86_400_000);
  });

  // Else each session of an application would prepare the same package for itself.
  it("say nothing of the time where there are none", () => {
    expect(sourceOf()?.since).toBeUndefined();
  });
});
