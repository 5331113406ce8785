import { beforeEach, expect, jest, test } from "@jest/globals";
import { Registry } from "prom-client";
import { clusterFacts } from "../../../src/session-manager/admin/cluster-facts.ts";
import type { Engine } from "../../../src/session-manager/engine/engine.ts";
import { watchState } from "../../../src/session-manager/metrics.ts";
import { StorageGuard } from "../../../src/session-manager/storage/storage-guard.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { TestClock } from "../../support/test-clock.ts";
import { Machine } from "../../unit/core/machine.ts";

const clock = new TestClock();
let machine: Machine;
let engine: Engine;
let walks: jest.SpiedFunction<Machine["state"]["sessions"]["all"]>;

beforeEach(() => {
  machine = new Machine();
  for (const name of ["app", "gone"]) machine.register(name);
  for (const [id, application, tasks] of [
    ["closed", "app", 2],
    ["open", "app", 3],
    ["deleted", "app", 4],
    ["left", "gone", 5],
  ] as const) {
    machine.open(id, { application });
    for (let count = 0; count < tasks; count++) machine.task(id);
    if (id !== "open") machine.ask("session.close", { id });
  }
  machine.ask("session.delete", { id: "deleted" });
  machine.ask("application.unregister", { name: "gone", author: "alice" });
  engine = {
    state: machine.state,
    queued: 7,
    load: { queued: 7, waiting: new Map([["task.watch", 2]]) },
    ask: (kind: "node.list", input: object) => Promise.resolve(machine.ask(kind, input)),
  } as unknown as Engine;
  walks = jest.spyOn(machine.state.sessions, "all");
});

test("a scrape tells sessions and tasks by state without a walk over all sessions", async () => {
  const registry = new Registry();
  watchState(registry, engine);
  const lines = (await registry.metrics()).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      "flame_applications 1",
      'flame_sessions{state="open"} 1',
      'flame_sessions{state="closed"} 1',
      'flame_tasks{state="pending"} 3',
      'flame_tasks{state="running"} 0',
      'flame_tasks{state="cancelled"} 2',
      "flame_commands_queued 7",
      'flame_calls_waiting{command="task.watch"} 2',
    ]),
  );
  expect(walks).not.toHaveBeenCalled();
});

test("a view of the cluster counts sessions and tasks without a walk over all sessions", async () => {
  const asked = jest.spyOn(engine, "ask");
  const { counts, queues } = await clusterFacts({
    config: { cluster: { name: "c", storage: { kind: "memory" } } } as never,
    engine,
    guard: new StorageGuard(new MemoryStore(), clock, Number.POSITIVE_INFINITY),
    version: "1",
    startTime: 0,
  });
  expect(counts.map(({ what, state, count }) => `${what} ${state} ${count}`)).toEqual([
    "applications Enabled 1",
    "sessions Closed 1",
    "sessions Open 1",
    "tasks Cancelled 2",
    "tasks Pending 3",
  ]);
  expect(queues).toContainEqual({ name: "tasks that wait for an executor", size: 3n });
  expect(walks).not.toHaveBeenCalled();
  expect(asked.mock.calls.map(([kind]) => kind)).not.toContain("session.list");
});
