import type { AwaitingTask, HeldLease } from "../../src/core/node-work.ts";
import { serviceCrashCode, type TaskOutcome, type TaskRecord } from "../../src/model/task.ts";
import type { ExecutorDeps } from "./model-executor.ts";
import type { ModelWork, WorkExecutor } from "./model-work.ts";
import type { Run } from "./runs.ts";
import { pause, type Script, until } from "./script.ts";

/** A queued task is begun only so long after the session manager was heard of. */
const silentMsMax = 20_000;
/** So many tasks wait for others. */
const nestedRate = 0.15;

interface Item {
  readonly lease: string;
  readonly task: TaskRecord;
}

/** What an executor on a work stream does in a session: it runs what it holds, one after the other, until it is to leave. */
export class LocalQueue implements WorkExecutor {
  readonly #deps: ExecutorDeps;
  readonly #work: ModelWork;
  readonly #who: { readonly id: string; readonly node: string };
  readonly #ended: (Item & { readonly outcome: TaskOutcome; readonly run: Run })[] = [];
  #running: Item | undefined;
  #queue: Item[] = [];
  #leaves = false;
  #wake: (() => void) | undefined;
  credit: number;
  awaits: AwaitingTask | undefined;
  entered: string | undefined;
  /** The stream on which it was made. */
  readonly #stream: unknown;

  constructor(deps: ExecutorDeps, work: ModelWork, who: { id: string; node: string }) {
    this.#deps = deps;
    this.#work = work;
    this.#who = who;
    this.#stream = work.stream;
    work.attach(who.id, this);
    this.credit = deps.world.random.between(1, 8);
  }

  get held(): readonly HeldLease[] {
    const running = this.#running === undefined ? [] : [this.#running];
    return [...this.#ended, ...running, ...this.#queue].map(({ lease, task }) => ({
      lease,
      sessionId: task.sessionId,
      taskId: task.id,
    }));
  }

  get results(): readonly { readonly lease: string; readonly outcome: TaskOutcome }[] {
    return this.#ended.map(({ lease, outcome }) => ({ lease, outcome }));
  }

  drain(): void {
    this.credit = 0;
    this.#leaves = true;
    const leases = this.#queue.splice(0).map(({ lease }) => lease);
    this.#work.say({
      ready: [{ executorId: this.#who.id, credit: 0 }],
      ...(leases.length > 0 && { returns: [{ executorId: this.#who.id, leases }] }),
    });
    this.#stir();
  }

  stop(): void {
    this.#work.leave(this.#who.id);
  }

  assigned(lease: string, task: TaskRecord): boolean {
    if (this.credit === 0) return false;
    this.#queue.push({ lease, task });
    this.#stir();
    return true;
  }

  takenBack(wanted: readonly string[]): { leases: string[]; begun?: string } {
    const given = this.#queue.filter(({ lease }) => wanted.includes(lease));
    this.#queue = this.#queue.filter((item) => !given.includes(item));
    const leases = given.map(({ lease }) => lease);
    const begun = this.#running?.lease;
    return begun !== undefined && wanted.includes(begun) ? { leases, begun } : { leases };
  }

  acknowledged(leases: readonly string[]): void {
    for (const lease of leases) {
      const at = this.#ended.findIndex((one) => one.lease === lease);
      const [ended] = at < 0 ? [] : this.#ended.splice(at, 1);
      if (ended !== undefined) this.#deps.runs.end(ended.run);
    }
    this.#stir();
  }

  leave(): void {
    this.#leaves = true;
    this.#stir();
  }

  /** Its node is on the stream on which it was made. */
  get isOnFirstStream(): boolean {
    return this.#stream !== undefined && this.#stream === this.#work.stream;
  }

  *serve(sessionId: string): Script {
    const { id } = this.#who;
    this.entered = sessionId;
    this.#work.join(id, this);
    let alive = true;
    while (alive) {
      // The session manager may give the node up, and what waits here to others.
      if (this.#queue.length > 0 && this.#deps.silentMs() >= silentMsMax) {
        yield* pause(this.#deps.world, 500);
        continue;
      }
      const next = this.#queue.shift();
      if (next !== undefined) alive = yield* this.#run(next);
      else if (this.#leaves) break;
      else yield* this.#stirred();
    }
    this.credit = 0;
    const leases = this.#queue.splice(0).map(({ lease }) => lease);
    if (leases.length > 0) this.#work.say({ returns: [{ executorId: id, leases }] });
    while (this.#ended.length > 0) yield* this.#stirred();
    this.#work.leave(id);
  }

  /** @returns whether its service lives on. */
  *#run(item: Item): Script<boolean> {
    const { world, runs, services } = this.#deps;
    const { id: executorId, node } = this.#who;
    const { lease, task } = item;
    const { sessionId, id: taskId, creationTime } = task;
    const run = { sessionId, taskId, creationTime, lease, executorId, node };
    this.#running = item;
    runs.begin(run);
    if (world.random.chance(nestedRate)) yield* this.#waitForOthers(item);
    yield* pause(world, services.taskMs());
    this.#running = undefined;
    this.awaits = undefined;
    const outcome = services.outcome(task);
    const crashed = outcome.returnCode === serviceCrashCode;
    runs.answered(run, outcome);
    if (crashed) runs.end(run);
    this.#ended.push({ ...item, outcome, run });
    this.#work.say({ completions: [{ executorId, lease, outcome }] });
    return !crashed;
  }

  /** The task waits for tasks of its own, of which nothing more is known here. */
  *#waitForOthers({ lease }: Item): Script {
    const { world, runs, services } = this.#deps;
    const { id: executorId } = this.#who;
    const tell = (sessionIds: readonly string[]): void => {
      this.awaits = { executorId, lease, sessionIds };
      this.#work.say({ awaits: [this.awaits] });
    };
    runs.yielded.add(executorId);
    tell([world.random.pick(runs.sessionIds)]);
    yield* pause(world, services.taskMs());
    // Else its end says that it waits no more.
    if (world.random.chance(0.7)) tell([]);
  }

  #stirred(): Script {
    return until<void>((resume) => {
      this.#wake = resume;
    });
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
