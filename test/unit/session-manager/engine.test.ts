import { beforeEach, describe, expect, it } from "@jest/globals";
import type { Core } from "../../../src/core/core.ts";
import { type Clock, systemClock } from "../../../src/kit/clock.ts";
import { Engine } from "../../../src/session-manager/engine/engine.ts";
import { Payloads } from "../../../src/session-manager/engine/payloads.ts";
import { StorageGuard } from "../../../src/session-manager/storage/storage-guard.ts";
import { waitFor } from "../../support/wait-for.ts";
import { ScriptedMachine, SlowStore, settle } from "./scripted-machine.ts";

let store: SlowStore;
let machine: ScriptedMachine;
let fatal: Error[];
let engine: Engine;

function begin(clock: Clock = systemClock): void {
  store = new SlowStore();
  machine = new ScriptedMachine();
  fatal = [];
  engine = new Engine({
    core: machine as unknown as Core,
    rebuild: () => Promise.reject(new Error("no disk refuses a commit here")),
    guard: new StorageGuard(store, clock, Number.POSITIVE_INFINITY),
    store,
    payloads: new Payloads(store, 1_000),
    clock,
    safetyNetMs: 0,
    onFatal: (error) => fatal.push(error),
  });
}
beforeEach(() => begin());

describe("the engine", () => {
  it("lets no reply out before its change is durable, nor one to a read that came after it", async () => {
    const heard: string[] = [];
    const reply = (value: unknown): void => void heard.push(String(value));
    const fail = (): void => void heard.push("failed");
    engine.call("session.delete", { id: "written" }, reply, fail);
    await settle();
    engine.call("session.get", { id: "written" }, reply, fail);
    await waitFor("the turn of the read", () => machine.turns.length === 2);
    expect(store.commits).toHaveLength(1);
    expect(heard).toEqual([]);
    store.commits[0]?.done();
    await settle();
    expect(heard).toEqual(["written", "written"]);
  });

  it("answers a read without the disk, from what was durable before the changes that came with it", async () => {
    const heard: string[] = [];
    const reply = (value: unknown): void => void heard.push(String(value));
    const fail = (): void => void heard.push("failed");
    engine.call("session.delete", { id: "written" }, reply, fail);
    engine.call("session.get", { id: "read" }, reply, fail);
    await settle();
    expect(heard).toEqual(["read"]);
    expect(machine.turns.map((turn) => turn.map(({ kind }) => kind))).toEqual([
      ["session.get"],
      ["session.delete"],
    ]);
    store.commits[0]?.done();
    await settle();
    expect(heard).toEqual(["read", "written"]);
  });

  it("lets what may leave early out before the disk has it, once the makers of it were told", async () => {
    const heard: string[] = [];
    const note = (what: string) => (value: unknown) => heard.push(`${what} ${String(value)}`);
    const fail = (): void => void heard.push("failed");
    const takesEarly = {
      push: note("pushed"),
      pushEarly: (value: unknown) => {
        note("early")(value);
        return true;
      },
      end: fail,
    };
    engine.stream("node.work", { name: "n1" }, takesEarly);
    await settle();
    const submits = { sessionId: "s", producer: "p", first: 1, inputs: [] };
    engine.call("submit.tasks", submits, note("replied"), fail, note("foreseen"));
    await settle();
    expect(heard).toEqual(["foreseen s", "early a", "early b"]);
    store.commits[0]?.done();
    await settle();
    expect(heard.slice(3)).toEqual(["replied s"]);
  });

  it("sends what a stream does not take early, and all behind it, once it is durable", async () => {
    const heard: string[] = [];
    const note = (what: string) => (value: unknown) => heard.push(`${what} ${String(value)}`);
    const fail = (): void => void heard.push("failed");
    const takesNone = { push: note("pushed"), pushEarly: () => false, end: fail };
    const takesLater = {
      push: note("later pushed"),
      pushEarly: (value: unknown) => value !== "a",
      end: fail,
    };
    const plain = { push: note("plain pushed"), end: fail };
    for (const sink of [takesNone, takesLater, plain])
      engine.stream("node.work", { name: "n1" }, sink);
    await settle();
    const submits = { sessionId: "s", producer: "p", first: 1, inputs: [] };
    engine.call("submit.tasks", submits, note("replied"), fail);
    await settle();
    expect(heard).toEqual([]);
    store.commits[0]?.done();
    await settle();
    const late = ["pushed", "later pushed", "plain pushed"].flatMap((who) => [
      `${who} a`,
      `${who} b`,
    ]);
    expect(heard).toEqual([...late, "replied s"]);
  });

  it("gathers what comes meanwhile into the next turn, one commit for all of it", async () => {
    const together = ["a", "b", "c", "d"].map((id) => engine.ask("session.delete", { id }));
    await settle();
    expect(machine.turns.map((turn) => turn.length)).toEqual([4]);
    expect(store.commits[0]?.changes).toHaveLength(4);
    store.commits[0]?.done();
    await Promise.all(together);

    const first = engine.ask("session.delete", { id: "e" });
    await settle();
    const later = ["f", "g"].map((id) => engine.ask("session.delete", { id }));
    await waitFor("a turn beside the commit", () => machine.turns.length === 3);
    expect(machine.turns.map((turn) => turn.length)).toEqual([4, 1, 2]);
    expect(store.commits).toHaveLength(2);
    store.commits[1]?.done();
    await first;
    await settle();
    store.commits[2]?.done();
    await Promise.all(later);
  });

  it("carries turns out while a commit is under way, and makes all of them durable with the next one", async () => {
    const heard: string[] = [];
    const ask = (id: string): void => {
      engine.call(
        "session.delete",
        { id },
        () => heard.push(id),
        ({ code }) => heard.push(code),
      );
    };
    ask("a");
    await settle();
    for (const id of ["b", "c"]) {
      ask(id);
      const turns = machine.turns.length + 1;
      await waitFor("a turn beside the commit", () => machine.turns.length === turns);
    }
    expect(heard).toEqual([]);
    store.commits[0]?.done();
    await settle();
    expect(heard).toEqual(["a"]);
    expect(store.commits[1]?.changes).toEqual(
      ["b", "c"].map((id) => ({ kind: "session.delete", id })),
    );
    store.commits[1]?.done();
    await settle();
    expect(heard).toEqual(["a", "b", "c"]);
    await engine.stop();
  });

  it("answers what shows nothing that is not durable while a commit is under way", async () => {
    const written = engine.ask("session.delete", { id: "written" });
    await settle();
    expect(await engine.ask("session.get", { id: "another" })).toBe("another");
    store.commits[0]?.done();
    await written;
  });

  it("carries no turn out beside a commit once very much has been gathered", async () => {
    const planned: (() => void)[] = [];
    let now = 0;
    begin({
      now: () => 1_700_000_000_000,
      steady: () => now,
      after: (_ms, action) => {
        planned.push(action);
        return { cancel: () => void planned.splice(planned.indexOf(action), 1) };
      },
    });
    const passTime = async (): Promise<void> => {
      now += 1_000;
      for (const action of planned.splice(0)) action();
      await settle();
    };
    const written = [engine.ask("session.delete", { id: "first" })];
    await settle();
    for (const id of Array.from({ length: 4_500 }, (_, index) => `s${index}`))
      written.push(engine.ask("session.delete", { id }));
    for (let turns = 0; turns < 5; turns++) await passTime();
    expect(machine.turns.map(({ length }) => length)).toEqual([1, 2_000, 2_000]);
    store.commits[0]?.done();
    await settle();
    expect(store.commits[1]?.changes).toHaveLength(4_500);
    store.commits[1]?.done();
    await Promise.all(written);
  });

  it("carries out one of each connection in turn: a flood of one holds up no other", async () => {
    const [flood, other] = ["10.0.0.1:1000", "10.0.0.2:1000"].map((from) => engine.of(from));
    const asked = Array.from({ length: 5_000 }, () => flood!.ask("session.get", { id: "flood" }));
    asked.push(other!.ask("session.get", { id: "other" }));
    asked.push(engine.ask("session.get", { id: "node" }));
    await Promise.all(asked);
    const [first, second] = machine.turns.map((turn) =>
      turn.map((command) => (command.kind === "session.get" ? command.input.id : "")),
    );
    expect(first?.slice(0, 4)).toEqual(["node", "flood", "other", "flood"]);
    expect(first).toHaveLength(513);
    expect(second).toHaveLength(512);
    expect(engine.load).toMatchObject({ queued: 0 });
  });

  it("cancels in the order of the connection that asked", async () => {
    const door = engine.of("10.0.0.1:1000");
    const sink = { push: (): void => undefined, end: (): void => undefined };
    door.stream("task.watch", { sessionId: "s", taskId: 1 }, sink).cancel();
    await settle();
    expect(machine.turns.flat().map(({ kind }) => kind)).toEqual(["task.watch", "cancel"]);
  });

  it("answers reads that change nothing without the disk", async () => {
    expect(await engine.ask("session.get", { id: "read" })).toBe("read");
    expect(store.commits).toEqual([]);
  });

  it("a commit that fails ends everything: nothing is answered, and nothing more is taken", async () => {
    const heard: string[] = [];
    engine.call(
      "session.delete",
      { id: "lost" },
      () => heard.push("replied"),
      (error) => heard.push(error.code),
    );
    await settle();
    store.commits[0]?.done(new Error("disk is full"));
    await settle();
    expect(fatal.map(({ message }) => message)).toEqual(["disk is full"]);
    expect(heard).toEqual([]);
    await expect(engine.ask("session.get", { id: "later" })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  it("wakes the machine at its own deadline", async () => {
    const planned: { at: number; action: () => void }[] = [];
    let now = 1_000;
    begin({
      now: () => 1_700_000_000_000,
      steady: () => now,
      after: (ms, action) => {
        const timer = { at: now + ms, action };
        planned.push(timer);
        return { cancel: () => void planned.splice(planned.indexOf(timer), 1) };
      },
    });
    machine.deadline = 5_000;
    const waiting = engine.ask("executor.launch", { id: "e1" });
    await settle();
    expect(planned.map(({ at }) => at)).toEqual([5_000]);
    now = 5_000;
    machine.deadline = undefined;
    planned[0]?.action();
    expect(await waiting).toEqual({});
  });

  it("a caller that goes away is not answered, and the machine is told", async () => {
    const heard: string[] = [];
    const pending = engine.call(
      "executor.launch",
      { id: "e1" },
      () => heard.push("replied"),
      () => heard.push("failed"),
    );
    await settle();
    pending.cancel();
    pending.cancel();
    await settle();
    expect(machine.turns.flat().map(({ kind }) => kind)).toEqual(["executor.launch", "cancel"]);
    await engine.stop();
    expect(heard).toEqual([]);
  });

  it("a stop waits for the last commit, then ends what waits with UNAVAILABLE", async () => {
    const heard: string[] = [];
    const written = engine.ask("session.delete", { id: "last" });
    engine.call(
      "executor.launch",
      { id: "e1" },
      () => heard.push("replied"),
      (error) => heard.push(`launch ${error.code}`),
    );
    engine.stream(
      "task.watch",
      { sessionId: "watched", taskId: 1 },
      {
        push: (reply) => heard.push("stored" in reply ? reply.stored.session.id : reply.task.state),
        end: (error) => heard.push(`watch ${error?.code ?? "ended"}`),
      },
    );
    await settle();
    let stopped = false;
    const stop = engine.stop().then(() => {
      stopped = true;
    });
    await settle();
    expect(stopped).toBe(false);
    store.commits[0]?.done();
    expect(await written).toBe("last");
    await stop;
    expect(heard).toEqual(["watched", "launch unavailable", "watch unavailable"]);
    await expect(engine.ask("session.get", { id: "late" })).rejects.toMatchObject({
      code: "unavailable",
    });
  });
});
