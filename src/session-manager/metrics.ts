import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { CoreState } from "../core/state.ts";
import type { Change } from "../model/change.ts";
import { eventCodes } from "../model/event.ts";
import type { TaskRecord } from "../model/task.ts";
import type { Engine, EngineMeter } from "./engine/engine.ts";

/** From what a task of no length takes to what nobody waits for, in seconds. */
const taskBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600];
const commitBuckets = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2];

/** Counts what the engine does: docs/observability.md, "Session manager". */
export class EngineMetrics implements EngineMeter {
  readonly #turns: Histogram;
  readonly #commands: Counter;
  readonly #commits: Histogram;
  readonly #changes: Counter;
  readonly #rebuilt: Counter;
  readonly #created: Counter;
  readonly #returned: Counter;
  readonly #succeeded: Counter.Internal;
  readonly #failed: Counter.Internal;
  readonly #cancelled: Counter.Internal;
  /** By session: tasks that wait again, as they had not begun when that was written and observed. */
  readonly #unbegun = new Map<string, Set<number>>();
  readonly #stages: Record<"pending" | "running" | "whole", Histogram.Internal<"stage">>;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    this.#turns = new Histogram({
      name: "flame_turn_seconds",
      help: "Time of one turn of the core, without its commit.",
      buckets: commitBuckets,
      registers,
    });
    this.#commands = counter("flame_commands_total", "Commands that turns carried out.");
    this.#commits = new Histogram({
      name: "flame_commit_seconds",
      help: "Time of one commit: one transaction, its statements and its fsync.",
      buckets: commitBuckets,
      registers,
    });
    this.#changes = counter("flame_changes_total", "Changes that commits made durable.");
    this.#rebuilt = counter(
      "flame_rebuilds_total",
      "Times that the disk refused a commit and the state was read anew from what is on it.",
    );
    this.#created = counter("flame_tasks_created_total", "Tasks that clients created.");
    this.#returned = counter(
      "flame_tasks_returned_total",
      "Tasks that went from Running back to Pending: lost executors and crashed services.",
    );
    const ended = new Counter({
      name: "flame_tasks_ended_total",
      help: "Tasks that ended, by outcome: a service answered, or they were cancelled while they were pending.",
      labelNames: ["outcome"],
      registers,
    });
    this.#succeeded = ended.labels("succeed");
    this.#failed = ended.labels("failed");
    this.#cancelled = ended.labels("cancelled");
    const stages = new Histogram({
      name: "flame_task_stage_seconds",
      help: "pending: until handed to an executor; running: until its result; whole: from created to ended.",
      labelNames: ["stage"],
      buckets: taskBuckets,
      registers,
    });
    this.#stages = {
      pending: stages.labels("pending"),
      running: stages.labels("running"),
      whole: stages.labels("whole"),
    };
  }

  turn(seconds: number, commands: number): void {
    this.#turns.observe(seconds);
    this.#commands.inc(commands);
  }

  commit(seconds: number, changes: readonly Change[]): void {
    this.#commits.observe(seconds);
    this.#changes.inc(changes.length);
    for (const change of changes) {
      if (change.kind === "task.put") this.#task(change);
      else if (change.kind === "tasks.cancel") {
        this.#cancelled.inc(change.count);
        this.#unbegun.delete(change.sessionId);
      } else if (change.kind === "session.delete") this.#unbegun.delete(change.id);
    }
  }

  rebuilt(): void {
    this.#rebuilt.inc();
  }

  #task({ record: task, begun, unbegun }: Extract<Change, { kind: "task.put" }>): void {
    const { running, whole } = this.#stages;
    if (begun === true) this.#begun(task, lastLaunch(task));
    if (unbegun === true) this.#notBegun(task);
    else if (task.state === "Pending") {
      if (task.attempt === 0) this.#created.inc();
      else this.#returned.inc();
    } else if (task.state === "Running") {
      this.#begun(task, task.events.length - 1);
    } else if (task.state === "Cancelled") {
      this.#cancelled.inc();
      this.#forget(task);
    } else {
      if (task.state === "Succeed") this.#succeeded.inc();
      else this.#failed.inc();
      running.observe(stepTo(task, task.events.length - 1));
      whole.observe(((task.completionTime ?? task.creationTime) - task.creationTime) / 1000);
    }
  }

  /** How long it was pending is observed once, however often it was believed to have begun. */
  #begun(task: TaskRecord, at: number): void {
    if (!this.#forget(task)) this.#stages.pending.observe(stepTo(task, at));
  }

  #notBegun({ sessionId, id }: TaskRecord): void {
    const ofSession = this.#unbegun.get(sessionId) ?? new Set();
    this.#unbegun.set(sessionId, ofSession.add(id));
  }

  #forget({ sessionId, id }: TaskRecord): boolean {
    const ofSession = this.#unbegun.get(sessionId);
    const known = ofSession?.delete(id) === true;
    if (ofSession?.size === 0) this.#unbegun.delete(sessionId);
    return known;
  }
}

/** Measures what of a commit is the disk: docs/observability.md, "Session manager". */
export function syncMeter(registry: Registry): (seconds: number) => void {
  const syncs = new Histogram({
    name: "flame_commit_sync_seconds",
    help: "Time of the COMMIT alone: the write to the log and its fsync, now and then with a checkpoint.",
    buckets: commitBuckets,
    registers: [registry],
  });
  return (seconds) => syncs.observe(seconds);
}

/** From the event before one to that one: how long the task was in the state between, in seconds. */
function stepTo({ events }: TaskRecord, at: number): number {
  const reached = events[at];
  const before = events[at - 1];
  if (reached === undefined || before === undefined || reached.code === eventCodes.taskCreated)
    return 0;
  return Math.max(0, reached.creationTime - before.creationTime) / 1000;
}

/** Where the event stands with which the task began last. */
function lastLaunch({ events }: TaskRecord): number {
  return events.findLastIndex(({ code }) => code === eventCodes.taskLaunched);
}

/** Reads what the machine holds whenever somebody asks: nothing is counted twice, nothing can drift. */
export function watchState(registry: Registry, engine: Engine): void {
  const registers = [registry];
  const labelNames = ["state"];
  const gauge = (name: string, help: string, read: () => number): void => {
    const one: Gauge = new Gauge({ name, help, registers, collect: () => one.set(read()) });
  };
  const byState = (name: string, help: string, read: () => ReadonlyMap<string, number>): void => {
    const each: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect: () => {
        each.reset();
        for (const [key, count] of read()) each.set({ state: key }, count);
      },
    });
  };
  gauge("flame_applications", "Registered applications.", () => engine.state.applications.size);
  byState("flame_sessions", "Sessions that are kept, by state.", () => sessions(engine.state));
  byState(
    "flame_tasks",
    "Tasks of the sessions that are kept, by state.",
    () => new Map(Object.entries(engine.state.sessions.taskCounts())),
  );
  byState("flame_executors", "Executors, by state.", () =>
    countBy(
      ["Void", "Idle", "Binding", "Bound", "Unbinding", "Releasing"],
      engine.state.executors.all(),
    ),
  );
  byState("flame_nodes", "Nodes, by state.", () =>
    countBy(["Ready", "Unknown", "NotReady"], engine.state.nodes.all()),
  );
  gauge("flame_commands_queued", "Commands that wait for a turn.", () => engine.queued);
  const waiting: Gauge = new Gauge({
    name: "flame_calls_waiting",
    help: "Long polls and streams that wait inside, by command.",
    labelNames: ["command"],
    registers,
    collect: () => {
      waiting.reset();
      for (const [command, count] of engine.load.waiting) waiting.set({ command }, count);
    },
  });
}

function countBy(
  states: readonly string[],
  entries: Iterable<{ readonly record: { readonly state: string } }>,
): ReadonlyMap<string, number> {
  const counts = new Map(states.map((state) => [state.toLowerCase(), 0]));
  for (const { record } of entries) {
    const key = record.state.toLowerCase();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function sessions({ sessions: book }: CoreState): ReadonlyMap<string, number> {
  return new Map([
    ["open", book.open().size],
    ["closed", book.closedCount],
  ]);
}
