import { beforeEach, describe, expect, it } from "@jest/globals";
import { type Transfer, TransferBudget } from "../../../src/object-cache/transfer-budget.ts";

let now: number;
let timers: { at: number; action: () => void }[];
let given: string[];
let budget: TransferBudget;

const clock = {
  now: () => now,
  steady: () => now,
  after: (delayMs: number, action: () => void) => {
    const timer = { at: now + delayMs, action };
    timers.push(timer);
    return {
      cancel: () => {
        timers = timers.filter((one) => one !== timer);
      },
    };
  },
};

beforeEach(() => {
  now = 0;
  timers = [];
  given = [];
  budget = new TransferBudget({ clock }, { bytesMax: 100, waitMs: 1000 });
});

/** Lets what was resolved or rejected be noticed. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function pass(ms: number): Promise<void> {
  now += ms;
  for (const timer of timers.filter(({ at }) => at <= now)) {
    timers = timers.filter((one) => one !== timer);
    timer.action();
  }
  await settle();
}

function begin(name: string): Transfer {
  return budget.begin(() => given.push(name));
}

/** Takes bytes, and notes in `given` when it has them, or why not. */
function take(name: string, bytes: number): Transfer {
  const transfer = begin(name);
  transfer.take(bytes).then(
    () => given.push(`${name}: ${bytes}`),
    (thrown: unknown) => given.push(`${name}: ${(thrown as { code: string }).code}`),
  );
  return transfer;
}

describe("transfers", () => {
  it("wait for room in their order, and go on when others end", async () => {
    const first = take("first", 60);
    const second = take("second", 60);
    take("third", 30);
    await settle();
    expect(given).toEqual(["first: 60", "third: 30"]);
    expect(budget.waiting).toBe(1);
    first.end();
    await settle();
    expect(given).toEqual(["first: 60", "third: 30", "second: 60"]);
    second.end();
    expect(budget.heldBytes).toBe(30);
  });

  it("larger than everything go on when they are the oldest", async () => {
    take("whole", 1000);
    await settle();
    expect(given).toEqual(["whole: 1000"]);
  });

  it("that came beyond the limit must pause, but not the oldest of them", () => {
    const [first, second] = [begin("first"), begin("second")];
    first.add(80);
    second.add(80);
    expect([first.mayGoOn, second.mayGoOn]).toEqual([true, false]);
    first.end();
    expect(second.mayGoOn).toBe(true);
  });

  it("are refused with a delay when nothing ended for too long, and hold nothing then", async () => {
    const holder = begin("holder");
    holder.add(100);
    const waiting = begin("waiting");
    const refused = waiting.take(1).catch((thrown: unknown) => thrown);
    holder.add(1);
    await pass(1000);
    expect(await refused).toMatchObject({
      code: "resource_exhausted",
      retryAfterMs: 5000,
      message: expect.stringContaining("at most 100 (cache.max_transfer)"),
    });
    expect([budget.heldBytes, budget.waiting]).toEqual([101, 0]);
  });

  it("that do not get on are given up when others wait for them", async () => {
    const stalled = begin("stalled");
    stalled.add(100);
    await pass(1500);
    take("next", 50);
    await pass(1000);
    expect(given).toEqual(["stalled", "next: 50"]);
    // What still comes from its client is nobody's.
    stalled.add(10);
    expect(budget.heldBytes).toBe(50);
  });

  it("leave nothing behind when they end while they wait", async () => {
    take("holder", 100);
    take("gone", 50).end();
    await settle();
    expect([budget.waiting, timers.length]).toEqual([0, 0]);
  });
});
