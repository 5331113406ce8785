import { describe, expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import type { Change } from "../../../src/model/change.ts";
import { eventCodes } from "../../../src/model/event.ts";
import type { TaskRecord, TaskState } from "../../../src/model/task.ts";
import { EngineMetrics } from "../../../src/session-manager/metrics.ts";

const codes: Partial<Record<TaskState, number>> = {
  Pending: eventCodes.taskRequeued,
  Running: eventCodes.taskLaunched,
  Succeed: eventCodes.taskSucceeded,
  Failed: eventCodes.taskFailed,
};

/** A task that was created at 1,000 ms and went through these states at these times. */
function task(...steps: [state: TaskState, time: number][]): TaskRecord {
  const [state, time] = steps.at(-1) ?? ["Pending", 1_000];
  const ended = state === "Succeed" || state === "Failed";
  return {
    sessionId: "s",
    id: 1,
    state,
    creationTime: 1_000,
    ...(ended && { completionTime: time }),
    attempt: steps.filter(([step]) => step === "Running").length,
    crashes: 0,
    lostNodes: 0,
    term: 0,
    events: [
      { code: eventCodes.taskCreated, message: "", creationTime: 1_000 },
      ...steps.map(([step, at]) => ({ code: codes[step] ?? 0, message: "", creationTime: at })),
    ],
  };
}

const after = (...records: TaskRecord[]): Promise<Map<string, number>> =>
  afterChanges(...records.map((record): Change => ({ kind: "task.put", record })));

async function afterChanges(...changes: Change[]): Promise<Map<string, number>> {
  const registry = new Registry();
  const metrics = new EngineMetrics(registry);
  metrics.turn(0.001, changes.length);
  metrics.commit(0.002, changes);
  const lines = (await registry.metrics()).split("\n").filter((line) => /^[a-z]/.test(line));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(" ")),
      Number(line.slice(line.lastIndexOf(" "))),
    ]),
  );
}

describe("the metrics of the engine", () => {
  test("tell how long a task was pending, running and under way", async () => {
    const seen = await after(
      task(),
      task(["Running", 1_250]),
      task(["Running", 1_250], ["Succeed", 3_250]),
    );
    expect(seen.get('flame_task_stage_seconds_sum{stage="pending"}')).toBe(0.25);
    expect(seen.get('flame_task_stage_seconds_sum{stage="running"}')).toBe(2);
    expect(seen.get('flame_task_stage_seconds_sum{stage="whole"}')).toBe(2.25);
    expect(seen.get("flame_tasks_created_total")).toBe(1);
    expect(seen.get('flame_tasks_ended_total{outcome="succeed"}')).toBe(1);
    expect(seen.get("flame_commit_seconds_sum")).toBe(0.002);
    expect(seen.get("flame_changes_total")).toBe(3);
  });

  test("tell how long a task was pending that ended before anybody wrote that it had begun", async () => {
    const seen = await afterChanges(
      { kind: "task.put", record: task() },
      { kind: "task.put", record: task(["Running", 1_250], ["Succeed", 3_250]), begun: true },
    );
    expect(seen.get('flame_task_stage_seconds_sum{stage="pending"}')).toBe(0.25);
    expect(seen.get('flame_task_stage_seconds_count{stage="pending"}')).toBe(1);
    expect(seen.get('flame_task_stage_seconds_sum{stage="running"}')).toBe(2);
  });

  test("count a task that returns once as created, and its second wait from its return", async () => {
    const seen = await after(
      task(),
      task(["Running", 1_100], ["Pending", 2_000]),
      task(["Running", 1_100], ["Pending", 2_000], ["Running", 2_500]),
      task(["Running", 1_100], ["Pending", 2_000], ["Running", 2_500], ["Failed", 2_600]),
    );
    expect(seen.get("flame_tasks_created_total")).toBe(1);
    expect(seen.get("flame_tasks_returned_total")).toBe(1);
    expect(seen.get('flame_tasks_ended_total{outcome="failed"}')).toBe(1);
    expect(seen.get('flame_task_stage_seconds_sum{stage="pending"}')).toBe(0.5);
  });

  test("count a task that had not begun after all neither as created, nor as returned, nor twice as handed out", async () => {
    const seen = await afterChanges(
      { kind: "task.put", record: task() },
      { kind: "task.put", record: task(["Running", 1_250]) },
      { kind: "task.put", record: task(), unbegun: true },
      { kind: "task.put", record: task(["Running", 1_500]) },
      { kind: "task.put", record: task(["Running", 1_500], ["Succeed", 3_500]) },
    );
    expect(seen.get("flame_tasks_created_total")).toBe(1);
    expect(seen.get("flame_tasks_returned_total")).toBe(0);
    for (const stage of ["pending", "running", "whole"])
      expect(seen.get(`flame_task_stage_seconds_count{stage="${stage}"}`)).toBe(1);
  });

  test("observe how long a later task of the same number was pending, when the first was cancelled as it waited again", async () => {
    const unbegun: Change[] = [
      { kind: "task.put", record: task(["Running", 1_250]) },
      { kind: "task.put", record: task(), unbegun: true },
    ];
    const next: Change = { kind: "task.put", record: task(["Running", 1_250]) };
    const ends: Change[] = [
      { kind: "task.put", record: { ...task(), state: "Cancelled", completionTime: 2_000 } },
      { kind: "tasks.cancel", sessionId: "s", time: 2_000, count: 1 },
      { kind: "session.delete", id: "s" },
    ];
    for (const end of ends) {
      const seen = await afterChanges(...unbegun, end, next);
      expect(seen.get('flame_task_stage_seconds_count{stage="pending"}')).toBe(2);
    }
  });

  test("count a task that was cancelled by its number as cancelled, and as nothing that ran", async () => {
    const record: TaskRecord = { ...task(), state: "Cancelled", completionTime: 2_000 };
    const seen = await after(task(), record);
    expect(seen.get('flame_tasks_ended_total{outcome="cancelled"}')).toBe(1);
    expect(seen.get('flame_tasks_ended_total{outcome="failed"}') ?? 0).toBe(0);
    expect(seen.get('flame_task_stage_seconds_count{stage="running"}') ?? 0).toBe(0);
  });

  test("count the pending tasks that the close of a session cancelled", async () => {
    const registry = new Registry();
    new EngineMetrics(registry).commit(0.002, [
      { kind: "tasks.cancel", sessionId: "s", time: 1_000, count: 3 },
    ]);
    expect(await registry.metrics()).toContain('flame_tasks_ended_total{outcome="cancelled"} 3');
  });
});
