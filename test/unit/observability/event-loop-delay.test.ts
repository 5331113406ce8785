import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import { measureEventLoopDelay } from "../../../src/observability/event-loop-delay.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Long enough for several looks: the first one after a scrape only begins the next interval. */
const betweenScrapes = { intervalMs: 450 };
const blockedMs = 400;

let registry: Registry;
let end: () => void;
beforeEach(() => {
  registry = new Registry();
  end = measureEventLoopDelay(registry);
});
afterEach(() => end());

async function seconds(figure: "min" | "max"): Promise<number> {
  const text = await registry.metrics();
  const line = new RegExp(`^nodejs_eventloop_lag_${figure}_seconds (\\S+)$`, "m").exec(text);
  return Number(line?.[1]);
}

/** Holds the event loop, then lets it do what is overdue. */
async function block(): Promise<void> {
  const until = performance.now() + blockedMs;
  while (performance.now() < until);
  await new Promise((resolve) => setTimeout(resolve, 1));
}

test("the delay of the event loop leaves out the time from one look to the next", async () => {
  const isInTime = async (): Promise<boolean> => {
    const least = await seconds("min");
    return least > 0 && least < 0.1;
  };
  expect(await waitFor("a look that was in time", isInTime, betweenScrapes)).toBe(true);
});

test("the delay of the event loop is what it stood still since the last scrape", async () => {
  const stall = async (): Promise<boolean> => {
    await block();
    return (await seconds("max")) > 0.25;
  };
  await waitFor("a stall that is told", stall, betweenScrapes);
  const isAnew = async (): Promise<boolean> => (await seconds("max")) < 0.25;
  expect(await waitFor("a scrape without it", isAnew, betweenScrapes)).toBe(true);
});
