import { expect, it } from "@jest/globals";
import { untilBack } from "../../../src/cli/until-back.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Timers that keep the process alive. */
const timers = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

it("asks again until somebody answers, and keeps the process alive between two tries", async () => {
  let calls = 0;
  let kept = false;
  const answer = await untilBack(systemClock, () => {
    calls++;
    // Counted at each try: timers of earlier suites of this process may end meanwhile.
    const before = timers();
    // By the end of this turn of the event loop the pause has begun.
    setImmediate(() => {
      kept ||= timers() > before;
    });
    if (calls < 4) return Promise.reject(new FlameError("unavailable", "nobody is there"));
    return Promise.resolve("back");
  });
  await waitFor("a look between two tries", () => calls === 4);
  expect({ answer, kept }).toEqual({ answer: "back", kept: true });
});

it("gives up at once what is refused", async () => {
  const refused = new FlameError("not_found", "no such session");
  await expect(untilBack(systemClock, () => Promise.reject(refused))).rejects.toBe(refused);
});
