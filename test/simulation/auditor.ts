import type { Command } from "../../src/core/commands.ts";
import { Core } from "../../src/core/core.ts";
import type { CoreOptions, CoreState } from "../../src/core/state.ts";
import type { BindReply } from "../../src/executors/executor-book.ts";
import type { WorkPush } from "../../src/executors/node-book.ts";
import type { Effect } from "../../src/kit/turn.ts";
import type { FlameError } from "../../src/model/errors.ts";
import type { FlameTurn } from "../../src/model/flame-turn.ts";
import type { SessionView, TaskCounts } from "../../src/model/session.ts";
import type { TaskReply } from "../../src/model/task.ts";
import { isTerminal, leaseOf, type TaskRecord } from "../../src/model/task.ts";
import { forgottenTogether } from "../../src/session-manager/storage/finished-tasks.ts";
import type { MemoryTables } from "../../src/storage/memory-tables.ts";
import type { StoredState } from "../../src/storage/store.ts";
import { durablePart } from "./durable-part.ts";
import type { Ledger } from "./ledger.ts";
import type { Runs } from "./runs.ts";
import { checkScheduling } from "./scheduling-checks.ts";
import { type Callers, checkState, checkWaiters } from "./state-checks.ts";
import { checkListeners, checkSubmits } from "./submit-checks.ts";
import { Violation, type World } from "./world.ts";

/** Looks at every turn, commit, effect and restart, and throws a Violation as soon as something is not as promised. */
export class Auditor {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #runs: Runs;
  readonly #options: CoreOptions;
  /** The durable part of the memory of a process that died right after a commit. */
  #remembered: string | undefined;
  /** How many finished tasks were forgotten, of all sessions and of each. */
  forgotten = 0;
  readonly #gone = new WeakMap<object, number>();

  constructor(world: World, ledger: Ledger, runs: Runs, options: CoreOptions) {
    this.#world = world;
    this.#ledger = ledger;
    this.#runs = runs;
    this.#options = options;
  }

  afterTurn(core: Core, turn: FlameTurn, callers: Callers): void {
    checkState(core.state, this.#options, this.#runs.yielded);
    checkScheduling(core.state, turn, this.#options);
    checkWaiters(core.state, callers);
    checkListeners(core.state, callers);
    // Events, not polls: a look that no event asked for must find nothing to do.
    const look = core.turn([{ kind: "tick", input: {}, token: -1 }], turn.now, turn.steady);
    const [first] = look.changes;
    if (first !== undefined || look.effects.length > 1)
      throw new Violation(
        `the scheduler was not told of something: ${JSON.stringify(first ?? look.effects)}`,
      );
  }

  /** Commands that are carried out now. */
  taken(commands: readonly Command[]): void {
    for (const { kind, input } of commands)
      if (kind === "session.cancel") this.#ledger.attempts.ask(input.sessionId, input.taskIds);
  }

  committed(turn: FlameTurn): void {
    this.#ledger.attempts.givenUp = new Set(
      turn.changes.flatMap((change) =>
        change.kind === "node.put" && change.record.state === "NotReady" ? change.record.name : [],
      ),
    );
    for (const change of turn.changes) {
      if (change.kind === "node.put" && change.record.state === "NotReady")
        this.#gaveUp(change.record.name);
      if (change.kind === "node.delete") this.#runs.forfeitNode(change.name);
      this.#ledger.apply(change, turn);
    }
    this.#ledger.submits.committed();
    this.#ledger.attempts.committed(turn.changes);
  }

  /** Whatever leaves the session manager cannot be taken back: it must be on disk, but for leases on streams of nodes. */
  seen(command: Command, effect: Effect<FlameError>): void {
    if (effect.kind !== "reply" && effect.kind !== "push") return;
    const { value } = effect;
    switch (command.kind) {
      case "session.create":
      case "session.open":
      case "session.close":
        this.#sessionSeen(value as SessionView, command.kind === "session.close");
        return;
      case "session.get":
        this.#countsSeen(value as SessionView);
        return;
      case "session.list":
        for (const view of value as readonly SessionView[]) this.#countsSeen(view);
        return;
      case "task.create":
      case "task.get":
      case "task.watch":
        this.#taskSeen(value as TaskReply | TaskRecord);
        return;
      case "application.register":
        if (!this.#ledger.applications.has(command.input.name))
          throw new Violation(
            `application ${command.input.name} was acknowledged and is not on disk`,
          );
        return;
      case "executor.bind":
        this.#bindSeen(command.input.id, value as BindReply);
        return;
      case "executor.launch":
        this.#launchSeen(command.input.id, (value as { task?: TaskRecord }).task);
        return;
      case "executor.complete":
        this.#completionSeen(command);
        return;
      case "node.work":
        this.#workSeen(value as WorkPush);
        return;
      default:
    }
  }

  /**
   * The store was asked to forget finished tasks of a session: all others are there as they were written, and as many of the
   * finished ones as are to be kept.
   */
  forgot(store: MemoryTables, sessionId: string, kept: number): void {
    const session = this.#ledger.sessions.get(sessionId);
    if (session === undefined) return;
    let gone = 0;
    let left = 0;
    for (const task of session.tasks.values()) {
      const found = store.task(sessionId, task.id);
      if (found === undefined) gone++;
      else if (isTerminal(task.state)) left++;
      if (found === undefined && !isTerminal(task.state))
        throw new Violation(`task ${sessionId}/${task.id} is ${task.state} and was forgotten`);
      if (found !== undefined && JSON.stringify(found) !== JSON.stringify(task))
        throw new Violation(`task ${sessionId}/${task.id} on disk: ${JSON.stringify(found)}`);
    }
    if (store.forgotten(sessionId) !== gone)
      throw new Violation(
        `${gone} tasks of ${sessionId} are forgotten, ${store.forgotten(sessionId)} are said to be`,
      );
    if (gone > 0 && left < kept)
      throw new Violation(
        `${left} finished tasks of ${sessionId} are left, ${kept} are to be kept`,
      );
    this.forgotten += gone - (this.#gone.get(session) ?? 0);
    this.#gone.set(session, gone);
  }

  /** At rest: no open session keeps more finished tasks than the next piece would take. */
  allForgotten(store: MemoryTables, kept: number): void {
    for (const [id, { record, counts }] of this.#ledger.sessions) {
      const left = counts.succeed + counts.failed + counts.cancelled - store.forgotten(id);
      // Results that a stream had not sent kept their tasks, until the next task of the session ends.
      if (this.#ledger.submits.producers(id).length > 0) continue;
      if (record.state === "Open" && left >= kept + forgottenTogether(kept))
        throw new Violation(`session ${id} keeps ${left} finished tasks, ${kept} are to be kept`);
    }
  }

  diedAfterCommit(state: CoreState): void {
    this.#remembered = durablePart(state);
  }

  restarted(state: CoreState, stored: StoredState): void {
    this.#checkStored(stored);
    checkSubmits(state, stored, this.#ledger);
    this.#ledger.restarted(this.#world.now);
    checkState(state, this.#options, this.#runs.yielded);
    if (this.#remembered !== undefined) expectSame(durablePart(state), this.#remembered);
    this.#remembered = undefined;
  }

  /** At rest: what a restart would read is what memory has. */
  atRest(state: CoreState, stored: StoredState): void {
    this.#checkStored(stored);
    checkSubmits(state, stored, this.#ledger);
    const restored = new Core(this.#options, stored, this.#world.date, this.#world.now);
    expectSame(durablePart(restored.state), durablePart(state));
  }

  #checkStored(stored: StoredState): void {
    const sessions = new Map(stored.sessions.map((session) => [session.record.id, session]));
    if (sessions.size !== this.#ledger.sessions.size)
      throw new Violation(
        `${sessions.size} sessions on disk, ${this.#ledger.sessions.size} were committed`,
      );
    for (const [id, { record, counts, tasks }] of this.#ledger.sessions) {
      const found = sessions.get(id);
      const expected = { record, counts, lastTaskId: tasks.size };
      if (JSON.stringify(found) !== JSON.stringify(expected))
        throw new Violation(
          `session ${id} on disk: ${JSON.stringify(found)}, committed: ${JSON.stringify(expected)}`,
        );
    }
  }

  #gaveUp(node: string): void {
    const { state, since } = this.#ledger.believed.get(node) ?? { state: "NotReady", since: 0 };
    if (state !== "Unknown" || this.#world.now - since < this.#options.nodeGraceMs)
      throw new Violation(`node ${node} was given up, ${state} for ${this.#world.now - since} ms`);
    this.#runs.forfeitNode(node);
  }

  #sessionSeen({ record }: SessionView, closed: boolean): void {
    const stored = this.#ledger.sessions.get(record.id)?.record;
    // It may have been evicted in the same turn.
    const { sessionsMax, closedSessionRetentionMs } = this.#options;
    const kept = Math.min(sessionsMax, closedSessionRetentionMs) === Number.POSITIVE_INFINITY;
    if (stored === undefined && (closed || !kept)) return;
    if (stored === undefined || (closed && stored.state !== "Closed"))
      throw new Violation(`session ${record.id} was acknowledged and is not so on disk`);
  }

  /** What was counted, and that a session was closed, is on disk; more may have come since. */
  #countsSeen({ record, counts }: SessionView): void {
    const stored = this.#ledger.sessions.get(record.id);
    if (stored?.record.creationTime !== record.creationTime) return;
    if (record.state === "Closed" && stored.record.state !== "Closed")
      throw new Violation(`session ${record.id} was seen closed and is not so on disk`);
    const all = ({ pending, running, ...ended }: TaskCounts): number[] => [
      pending + running + ended.succeed + ended.failed + ended.cancelled,
      ...Object.values(ended),
    ];
    const onDisk = all(stored.counts);
    if (all(counts).some((count, at) => count > (onDisk[at] ?? 0)))
      throw new Violation(
        `session ${record.id} was seen with ${JSON.stringify(counts)}, disk says ${JSON.stringify(stored.counts)}`,
      );
  }

  #taskSeen(reply: TaskReply | TaskRecord): void {
    if ("stored" in reply) {
      const { session, taskId } = reply.stored;
      const { id: sessionId } = session;
      const task = this.#ledger.task(sessionId, taskId);
      if (task !== undefined && !isTerminal(task.state))
        throw new Violation(`task ${sessionId}/${taskId} should have ended, it is ${task.state}`);
      return;
    }
    const seen = "task" in reply ? reply.task : reply;
    const stored = this.#ledger.task(seen.sessionId, seen.id);
    // Its session may have been deleted in the same turn.
    if (stored === undefined && this.#ledger.sessions.has(seen.sessionId))
      throw new Violation(`task ${seen.sessionId}/${seen.id} was seen and is not on disk`);
    if (stored !== undefined && isTerminal(seen.state) && stored.state !== seen.state)
      throw new Violation(
        `task ${seen.sessionId}/${seen.id}: ${seen.state} was seen, disk says ${stored.state}`,
      );
    // That it has begun is written a little later.
    const begun = seen.state === "Running" ? 1 : 0;
    if (stored !== undefined && seen.attempt > stored.attempt + begun)
      throw new Violation(
        `attempt ${seen.attempt} of ${seen.sessionId}/${seen.id} was seen and is not on disk`,
      );
  }

  #bindSeen(executorId: string, { bound }: BindReply): void {
    if (bound === undefined) return;
    const executor = this.#ledger.executors.get(executorId);
    const { id } = bound.session.record;
    if (executor !== undefined && executor.sessionId !== id && this.#ledger.sessions.has(id))
      throw new Violation(
        `executor ${executorId} was bound to ${id}, disk says ${executor.sessionId ?? "none"}`,
      );
  }

  #launchSeen(executorId: string, task: TaskRecord | undefined): void {
    if (task === undefined) return;
    this.#taskSeen(task);
    const stored = this.#ledger.task(task.sessionId, task.id);
    if (
      stored?.state === "Running" &&
      stored.attempt === task.attempt &&
      stored.executorId !== executorId
    )
      throw new Violation(
        `task ${task.sessionId}/${task.id} went to ${executorId}, disk says ${stored.executorId ?? "none"}`,
      );
    this.#runs.handedOut(task, executorId);
  }

  #workSeen(push: WorkPush): void {
    if (push.kind === "warm") return;
    if (push.kind === "bind") {
      this.#bindSeen(push.executor.id, push.reply);
      return;
    }
    const { kind, executorId } = push;
    if (kind === "assignment") {
      this.#runs.handedOut(push.task, executorId);
    }
    if (kind !== "acknowledgement") return;
    for (const { sessionId, taskId, creationTime, lease } of this.#runs.of(executorId)) {
      if (!push.leases.includes(lease)) continue;
      const task = this.#ledger.task(sessionId, taskId);
      // A lease whose task never came to the disk may be of the id of another one.
      if (task?.creationTime !== creationTime) continue;
      if (task.state === "Running" && task.executorId === executorId)
        throw new Violation(`the result of ${sessionId}/${taskId} was acknowledged and is lost`);
    }
  }

  #completionSeen({ input }: Extract<Command, { kind: "executor.complete" }>): void {
    for (const { sessionId, taskId, lease } of this.#runs.of(input.id)) {
      if (lease !== input.lease) continue;
      const task = this.#ledger.task(sessionId, taskId);
      if (task?.state === "Running" && leaseOf(task) === lease)
        throw new Violation(
          `the result of ${sessionId}/${taskId} was acknowledged and is not on disk`,
        );
    }
  }
}

function expectSame(restored: string, remembered: string): void {
  if (restored === remembered) return;
  const a = restored.split("\n");
  const b = remembered.split("\n");
  const at = a.findIndex((line, index) => line !== b[index]);
  throw new Violation(
    `a restart reads something else than memory had:\n  restart: ${a[at] ?? "(nothing)"}\n  memory:  ${b[at] ?? "(nothing)"}`,
  );
}
