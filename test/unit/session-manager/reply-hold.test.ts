import { EventEmitter } from "node:events";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { ReplyHold } from "../../../src/session-manager/calls/reply-hold.ts";

const MIB = 1024 * 1024;

/** A call of some connection that can end. */
class FakeCall extends EventEmitter {
  cancelled = false;
  readonly #peer: string;

  constructor(peer: string) {
    super();
    this.#peer = peer;
  }

  getPeer(): string {
    return this.#peer;
  }

  over(): void {
    this.cancelled = true;
    this.emit("cancelled");
  }
}

let hold: ReplyHold;
beforeEach(() => {
  hold = new ReplyHold(32 * MIB);
});

/** Takes room and tells whether it has got it by now. */
async function attempt(call: FakeCall, mib: number, wait = true) {
  const state = { got: false, failed: "", giveBack: (): void => undefined };
  hold.take(call, mib * MIB, { wait }).then(
    (giveBack) => Object.assign(state, { got: true, giveBack }),
    (error: unknown) => Object.assign(state, { failed: String(error) }),
  );
  await settle();
  return state;
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("the room for large replies", () => {
  it("is 8 MiB for a connection, in the order of its calls; small replies need none", async () => {
    const call = new FakeCall("a");
    const first = await attempt(call, 6);
    const second = await attempt(call, 4);
    const third = await attempt(call, 1);
    expect([first.got, second.got, third.got]).toEqual([true, false, false]);
    await hold.take(call, 4_095, { wait: true });
    first.giveBack();
    await settle();
    expect([second.got, third.got]).toEqual([true, true]);
    expect(hold.heldBytes).toBe(5 * MIB);
  });

  it("lets others through while one connection reads nothing", async () => {
    const silent = new FakeCall("silent");
    await attempt(silent, 8);
    expect((await attempt(silent, 8)).got).toBe(false);
    expect((await attempt(new FakeCall("other"), 8)).got).toBe(true);
  });

  it("comes back when a call ends, whether it had the room or waited for it", async () => {
    const [a, b, c] = [1, 2, 3].map(() => new FakeCall("one")) as [FakeCall, FakeCall, FakeCall];
    await attempt(a, 8);
    const second = await attempt(b, 8);
    const third = await attempt(c, 8);
    b.over();
    await settle();
    expect(second.failed).toContain("the call has ended");
    a.over();
    await settle();
    expect(third.got).toBe(true);
    third.giveBack();
    third.giveBack();
    c.over();
    expect(hold.heldBytes).toBe(0);
    expect((await attempt(a, 1)).got).toBe(true);
    expect(hold.heldBytes).toBe(0);
  });

  it("refuses calls, and lets streams wait, when others have used up all of it", async () => {
    const silent = ["a", "b", "c", "d"].map((peer) => new FakeCall(peer));
    for (const call of silent) await attempt(call, 8);
    const refused = await attempt(new FakeCall("e"), 4, false);
    expect(refused.failed).toMatch(/reply of 4194304 bytes has to wait: .*max_reply_bytes/);
    const waiting = await attempt(new FakeCall("e"), 4);
    expect(waiting.got).toBe(false);
    silent[2]?.over();
    await settle();
    expect(waiting.got).toBe(true);
  });

  it("lets a single reply through that is larger than all the room", async () => {
    expect((await attempt(new FakeCall("a"), 60, false)).got).toBe(true);
  });
});
