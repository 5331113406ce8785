import { beforeEach, describe, expect, it } from "@jest/globals";
import type { Core } from "../../../src/core/core.ts";
import { type Clock, systemClock, type Timer } from "../../../src/kit/clock.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { Engine } from "../../../src/session-manager/engine/engine.ts";
import { Payloads } from "../../../src/session-manager/engine/payloads.ts";
import { StorageGuard } from "../../../src/session-manager/storage/storage-guard.ts";
import { ScriptedMachine, SlowStore, settle } from "./scripted-machine.ts";

let store: SlowStore;
let machine: ScriptedMachine;
let fatal: Error[];
/** The machine's own clock each time that it was read anew. */
let rebuiltAt: number[];
let engine: Engine;

function begin(clock: Clock = systemClock, bytesMax = Number.POSITIVE_INFINITY): void {
  store = new SlowStore();
  machine = new ScriptedMachine();
  fatal = [];
  rebuiltAt = [];
  engine = new Engine({
    core: machine as unknown as Core,
    rebuild: (_now, steady) => {
      rebuiltAt.push(steady);
      machine = new ScriptedMachine();
      return Promise.resolve(machine as unknown as Core);
    },
    guard: new StorageGuard(store, clock, bytesMax),
    store,
    payloads: new Payloads(store, 1_000),
    clock,
    safetyNetMs: 0,
    onFatal: (error) => fatal.push(error),
  });
}
beforeEach(() => begin());

/** A clock that the test sets; what is due happens at once. */
class SetClock implements Clock {
  steadyMs = 10_000;
  readonly timers: { at: number; action: () => void }[] = [];

  now(): number {
    return 1_700_000_000_000;
  }

  steady(): number {
    return this.steadyMs;
  }

  after(ms: number, action: () => void): Timer {
    const timer = { at: this.steadyMs + ms, action };
    this.timers.push(timer);
    return { cancel: () => void this.timers.splice(this.timers.indexOf(timer), 1) };
  }

  async advance(ms: number): Promise<void> {
    this.steadyMs += ms;
    for (const timer of this.timers.filter(({ at }) => at <= this.steadyMs)) {
      this.timers.splice(this.timers.indexOf(timer), 1);
      timer.action();
    }
    await settle();
  }
}

describe("a disk that refuses a commit", () => {
  const refusals = [
    ["is full", "resource_exhausted"],
    ["fails for the moment", "unavailable"],
  ] as const;
  let clock: SetClock;
  let heard: string[];

  const tell = (what: string) => ({
    reply: (value: unknown): void => void heard.push(`${what} ${JSON.stringify(value)}`),
    fail: ({ code }: FlameError): void => void heard.push(`${what} ${code}`),
  });

  function call(kind: "session.delete" | "session.get" | "executor.complete", id: string): void {
    const { reply, fail } = tell(id);
    if (kind === "executor.complete")
      engine.call(kind, { id, outcome: { returnCode: 0 } }, reply, fail);
    else engine.call(kind, { id }, reply, fail);
  }

  beforeEach(() => {
    clock = new SetClock();
    heard = [];
    begin(clock);
  });

  it.each(refusals)(
    "since it %s: the machine is read anew once, clients are told to come again, calls of nodes wait and are answered",
    async (_what, code) => {
      const launch = tell("launch");
      engine.call("executor.launch", { id: "e1" }, launch.reply, launch.fail);
      const sink = {
        push: () => heard.push("pushed"),
        end: (error?: FlameError) => heard.push(`watch ${error?.code}`),
      };
      engine.stream("task.watch", { sessionId: "s", taskId: 1 }, sink);
      await settle();
      expect(heard.splice(0)).toEqual(["pushed"]);
      const old = machine;
      store.refuses = true;
      call("session.delete", "lost");
      call("executor.complete", "done");
      await settle();
      store.commits[0]?.done(new FlameError(code, "no"));
      await settle();
      expect(fatal).toEqual([]);
      expect(machine).not.toBe(old);
      expect(rebuiltAt).toEqual([10_000]);
      expect(heard.splice(0).sort()).toEqual(["lost unavailable", "watch unavailable"]);

      // Reads and deletions go on meanwhile; nothing that grows does, and no deadline of the machine passes.
      call("session.get", "read");
      call("session.delete", "deleted");
      const create = tell("create");
      engine.call("task.create", { sessionId: "s" }, create.reply, create.fail);
      await settle();
      store.commits[1]?.done();
      await settle();
      expect(heard.splice(0).sort()).toEqual([
        `create ${code}`,
        'deleted "deleted"',
        'read "read"',
      ]);
      await clock.advance(60_000);
      expect(machine.turns.flat().map(({ kind }) => kind)).not.toContain("executor.complete");

      store.refuses = false;
      await clock.advance(1_000);
      store.commits[2]?.done();
      await settle();
      expect(heard).toEqual(['done "done"']);
      expect(machine.steadyTimes.at(-1)).toBe(10_000);
      await clock.advance(0);
      machine.waiting.length = 0;
      expect(rebuiltAt).toHaveLength(1);
    },
  );

  it("takes back what was carried out beside the refused commit as well", async () => {
    call("session.delete", "lost");
    await settle();
    call("session.delete", "after it");
    await clock.advance(1_000);
    expect(machine.turns).toHaveLength(2);
    store.commits[0]?.done(new FlameError("unavailable", "no"));
    await settle();
    expect(heard.splice(0).sort()).toEqual(["after it unavailable", "lost unavailable"]);
    expect(rebuiltAt).toHaveLength(1);
    expect(store.commits).toHaveLength(1);
    expect(fatal).toEqual([]);
  });

  it("with anything else ends everything", async () => {
    call("session.delete", "lost");
    await settle();
    store.commits[0]?.done(new FlameError("internal", "a clash of keys"));
    await settle();
    expect(fatal.map(({ message }) => message)).toEqual(["a clash of keys"]);
    expect(rebuiltAt).toEqual([]);
  });
});

describe("a disk that is nearly full", () => {
  const mib = 1024 * 1024;
  const roomy = { place: "flame.db", usedBytes: mib, freeBytes: 65 * mib, totalBytes: 1024 * mib };

  const create = (bytes: number): Promise<unknown> =>
    engine.ask("task.create", { sessionId: "s", input: Buffer.alloc(bytes) });

  it("takes what fits above the reserve, all calls of one turn together, and refuses the rest before it is carried out", async () => {
    store.disk = roomy;
    const four = [1, 2, 3, 4].map(() => create(0.2 * mib).catch((error: unknown) => error));
    const answers = await Promise.all(four);
    expect(answers.slice(0, 2)).toEqual(["created", "created"]);
    for (const refused of answers.slice(2)) {
      expect(refused).toMatchObject({
        code: "resource_exhausted",
        message: expect.stringMatching(
          /^disk is full: the file system of flame\.db has 68157440 bytes free/,
        ),
      });
    }
    expect(machine.turns.flat()).toHaveLength(2);
    expect(await engine.ask("session.get", { id: "read" })).toBe("read");
    store.disk = { ...roomy, freeBytes: 70 * mib };
    expect(await create(mib)).toBe("created");
  });

  it("by cluster.limits.max_storage_bytes is named with it", async () => {
    begin(systemClock, 1.5 * mib);
    store.disk = { ...roomy, freeBytes: 500 * mib };
    expect(await create(0.25 * mib)).toBe("created");
    await expect(create(0.6 * mib)).rejects.toThrow(
      "disk is full: the data in flame.db take 1048576 bytes, got 633241 more, expected at most 1572864 (cluster.limits.max_storage_bytes)",
    );
    store.disk = { ...roomy, freeBytes: 500 * mib, usedBytes: 0 };
    expect(await create(0.6 * mib)).toBe("created");
  });

  it("gives back what was deleted where all calls of a turn do not fit, once a second, and looks anew", async () => {
    const clock = new SetClock();
    begin(clock);
    store.disk = roomy;
    let given = 0;
    store.giveBack = () => {
      given++;
      store.disk = { ...roomy, freeBytes: 67 * mib };
      return Promise.resolve();
    };
    const three = [1, 2, 3].map(() => create(0.4 * mib).catch(() => "refused"));
    expect(await Promise.all(three)).toEqual(["created", "created", "created"]);
    const ten = Array.from({ length: 10 }, () => create(0.4 * mib).catch(() => "refused"));
    expect((await Promise.all(ten)).filter((one) => one === "created")).toHaveLength(3);
    expect(given).toBe(1);
    await clock.advance(1_000);
    await create(4 * mib).catch(() => "refused");
    expect(given).toBe(2);
  });

  it("is looked at beside what goes on: who has gone meanwhile is not answered, and a stop waits for the look", async () => {
    let proceed = (): void => undefined;
    store.room = () =>
      new Promise((resolve) => {
        proceed = () => resolve(roomy);
      });
    const heard: string[] = [];
    const input = { sessionId: "s" };
    const say = (): void => void heard.push("answered");
    const pending = engine.call("task.create", input, say, say);
    await settle();
    pending.cancel();
    const stopped = engine.stop().then(() => heard.push("stopped"));
    await settle();
    expect([heard, machine.turns]).toEqual([[], []]);
    proceed();
    await stopped;
    expect(heard).toEqual(["stopped"]);
    expect(machine.turns.flat().map(({ kind }) => kind)).toEqual(["task.create", "cancel"]);
    expect(fatal).toEqual([]);
  });

  it("does not hold up a deletion", async () => {
    store.disk = { ...roomy, freeBytes: 0 };
    const deleted = engine.ask("session.delete", { id: "gone" });
    await settle();
    store.commits[0]?.done();
    expect(await deleted).toBe("gone");
  });
});
