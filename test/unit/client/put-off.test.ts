import { describe, expect, it } from "@jest/globals";
import type { PutOffCall } from "../../../src/client/index.ts";
import { PutOff } from "../../../src/client/put-off.ts";
import { FlameError } from "../../../src/model/errors.ts";

function putOffs(): { putOff: PutOff; told: PutOffCall[]; wait: (ms: number) => void } {
  let now = 0;
  const told: PutOffCall[] = [];
  const clock = { now: () => 0, steady: () => now, after: () => ({ cancel: () => undefined }) };
  const putOff = new PutOff({ clock, callTimeoutMs: 10_000, onPutOff: (call) => told.push(call) });
  const wait = (ms: number): void => {
    now += ms;
  };
  return { putOff, told, wait };
}
const refusal = new FlameError("resource_exhausted", "later", { retryAfterMs: 1_000 });

describe("what a server refuses for now", () => {
  it("comes in longer and longer pauses, each of which is told, until there is no time", () => {
    const { putOff, told, wait } = putOffs();
    for (const pauseMs of [1_000, 2_000, 4_000]) {
      expect(putOff.refused(refusal)).toBe(pauseMs);
      expect(putOff.isRefused).toBe(true);
      wait(pauseMs);
    }
    expect(putOff.refused(refusal)).toBeUndefined();
    expect(told).toEqual([
      { refusal, waitedMs: 0, pauseMs: 1_000 },
      { refusal, waitedMs: 1_000, pauseMs: 2_000 },
      { refusal, waitedMs: 3_000, pauseMs: 4_000 },
    ]);
  });

  it("begins with short pauses again when something was taken", () => {
    const { putOff } = putOffs();
    putOff.refused(refusal);
    putOff.refused(refusal);
    putOff.accepted();
    expect(putOff.isRefused).toBe(false);
    expect(putOff.refused(refusal)).toBe(1_000);
  });

  it("comes again at once, and without a word, when no pause is asked for", () => {
    const { putOff, told } = putOffs();
    const again = new FlameError("aborted", "again", { retryAfterMs: 0 });
    expect(putOff.refused(again)).toBe(0);
    expect(told).toEqual([]);
  });
});
