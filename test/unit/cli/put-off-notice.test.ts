import { describe, expect, it } from "@jest/globals";
import { putOffNotice } from "../../../src/cli/put-off-notice.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { TestClock } from "../../support/test-clock.ts";
import { fakeContext } from "./tools.ts";

const refusal = new FlameError("resource_exhausted", "2 sessions are open, at most 2 may be");

describe("the notice about calls that are put off", () => {
  it("comes before the pause that makes the wait long, with the server's words", () => {
    const { terminal, err } = fakeContext();
    const notice = putOffNotice(terminal, new TestClock());
    notice({ refusal, waitedMs: 0, pauseMs: 1_999 });
    expect(err()).toBe("");
    notice({ refusal, waitedMs: 1_500, pauseMs: 1_000 });
    expect(err()).toBe(
      "Refused for now, tried again in 1 s: 2 sessions are open, at most 2 may be\n",
    );
  });

  it("takes control characters out of the server's words", () => {
    const { terminal, err } = fakeContext();
    const hostile = new FlameError("resource_exhausted", "full\u001b[2J");
    putOffNotice(terminal, new TestClock())({ refusal: hostile, waitedMs: 0, pauseMs: 5_000 });
    expect(err()).toBe("Refused for now, tried again in 5 s: full[2J\n");
  });

  it("comes once in ten seconds, however many calls are put off", async () => {
    const { terminal, err } = fakeContext();
    const clock = new TestClock();
    const notice = putOffNotice(terminal, clock);
    const lines = (): number => err().split("\n").length - 1;
    for (let call = 0; call < 1_000; call++) notice({ refusal, waitedMs: 0, pauseMs: 5_000 });
    expect(lines()).toBe(1);
    await clock.pass(9_999);
    notice({ refusal, waitedMs: 9_999, pauseMs: 5_000 });
    expect(lines()).toBe(1);
    await clock.pass(1);
    notice({ refusal, waitedMs: 10_000, pauseMs: 5_000 });
    expect(lines()).toBe(2);
  });
});
