import type { CallKind, CommandTable, Reply } from "../../src/core/commands.ts";
import type { BindReply } from "../../src/executors/executor-book.ts";
import type { ExecutorRecord } from "../../src/model/executor.ts";
import {
  leaseOf,
  serviceCrashCode,
  type TaskOutcome,
  type TaskRecord,
} from "../../src/model/task.ts";
import { LocalQueue } from "./local-queue.ts";
import type { ModelWork } from "./model-work.ts";
import type { CallResult, Link } from "./network.ts";
import type { Run, Runs } from "./runs.ts";
import { pause, Running, type Script, until } from "./script.ts";
import type { Services } from "./services.ts";
import { Violation, type World } from "./world.ts";

type LoopState = ExecutorRecord["state"] | "Released";

/** Without a service a bound or unbinding executor can only leave; a binding one asks anew. */
const firstStates: Partial<Record<LoopState, LoopState>> = { Binding: "Idle", Bound: "Unbinding" };

export interface ExecutorDeps {
  readonly world: World;
  readonly link: Link;
  readonly runs: Runs;
  readonly services: Services;
  /** Names leases, repeats results and ends services when it is told to; the published executor manager does none of it. */
  readonly fenced: boolean;
  /** The node's work stream; undefined: its executors ask with LaunchTask. */
  readonly work: () => ModelWork | undefined;
  /** For how long the node has heard nothing of the session manager. */
  readonly silentMs: () => number;
}

/** An executor of a node, as the executor manager runs it: each call is repeated until it is answered. */
export class ModelExecutor {
  readonly id: string;
  state: LoopState;
  draining = false;
  readonly #deps: ExecutorDeps;
  readonly #record: ExecutorRecord;
  readonly #onOver: () => void;
  readonly #running: Running;
  #ending: Running | undefined;
  #interrupt: (() => void) | undefined;
  /** The last result, until it is known to have arrived. */
  #delivery: Delivery | undefined;
  #local: LocalQueue | undefined;
  /** The session with which it came. */
  #given: BindReply | undefined;
  #sessionId = "";

  constructor(deps: ExecutorDeps, record: ExecutorRecord, onOver: () => void, given?: BindReply) {
    this.id = record.id;
    this.#given = given;
    this.state = firstStates[record.state] ?? record.state;
    this.#deps = deps;
    this.#record = record;
    this.#onOver = onOver;
    this.#running = new Running(this.#loop());
  }

  /** Takes nothing new: a call that only waits is given up. */
  drain(): void {
    this.draining = true;
    this.#interrupt?.();
    this.#local?.drain();
  }

  /** The session manager wants it no more: its service is ended, which takes a moment, and then it says so. */
  release(): void {
    if (this.#ending !== undefined) return;
    this.#running.stop();
    this.#local?.stop();
    // It says nothing more of what it holds.
    this.#local = undefined;
    this.#delivery?.stop();
    this.state = "Releasing";
    this.#ending = new Running(this.#end());
  }

  *#end(): Script {
    const { world, runs } = this.#deps;
    yield* pause(world, world.random.skewed(1, 5_000));
    runs.endAllOf(this.id);
    yield* this.#call("executor.unregister", { id: this.id });
    this.#onOver();
  }

  /** Ends at once, with its service. */
  kill(): void {
    this.#running.stop();
    this.#local?.stop();
    this.#ending?.stop();
    this.#delivery?.stop();
    this.#deps.runs.endAllOf(this.id);
    this.#onOver();
  }

  *#loop(): Script {
    while (this.state !== "Released") {
      if (this.draining && (this.state === "Void" || this.state === "Idle")) break;
      this.state = yield* this.#step();
    }
    this.#onOver();
  }

  *#step(): Script<LoopState> {
    const { id } = this;
    const { services } = this.#deps;
    switch (this.state) {
      case "Void":
        yield* this.#call("executor.register", { id, shim: services.shim });
        return "Idle";
      case "Idle":
        return yield* this.#bind();
      case "Bound":
        return yield* this.#serve();
      case "Unbinding":
        return yield* this.#leave();
      case "Releasing":
        yield* this.#call("executor.unregister", { id });
        return "Released";
      case "Binding":
      case "Released":
        return "Released";
    }
  }

  *#bind(): Script<LoopState> {
    const { id } = this;
    const { world, services } = this.#deps;
    const given = this.#given;
    this.#given = undefined;
    const { bound } = given ?? (yield* this.#call("executor.bind", { id }));
    if (bound === undefined) return "Releasing";
    this.state = "Binding";
    this.#sessionId = bound.session.record.id;
    const work = this.#deps.work();
    if (work !== undefined) this.#local = this.#queueOn(work);
    services.checkFits(bound, this.#record);
    yield* pause(world, services.bindMs());
    const failure = services.bindFailure(bound.application.name);
    if (failure === undefined && given !== undefined && this.#local?.isOnFirstStream === true)
      return "Bound";
    const outcome =
      failure === undefined ? { returnCode: 0 } : { returnCode: 10, message: failure };
    yield* this.#call("executor.bindCompleted", { id, outcome });
    return failure === undefined ? "Bound" : "Unbinding";
  }

  #queueOn(work: ModelWork): LocalQueue {
    return new LocalQueue(this.#deps, work, { id: this.id, node: this.#record.node });
  }

  *#serve(): Script<LoopState> {
    if (this.draining) return "Unbinding";
    const { id } = this;
    const { world, runs, services, fenced } = this.#deps;
    const work = this.#deps.work();
    if (work !== undefined) {
      this.#local ??= this.#queueOn(work);
      yield* this.#local.serve(this.#sessionId);
      return "Unbinding";
    }
    const { task } = yield* this.#call("executor.launch", { id });
    if (task === undefined) return "Unbinding";
    const lease = leaseOf(task);
    const under = this.#delivery;
    if (under?.run.lease === lease) {
      // LaunchTask overtook CompleteTask: the result of this very lease is still on its way.
      yield* until<void>((resume) => under.whenDone(resume));
      return "Bound";
    }
    const { sessionId, id: taskId, creationTime } = task;
    const run = { sessionId, taskId, creationTime, lease, executorId: id, node: this.#record.node };
    runs.begin(run);
    yield* pause(world, services.taskMs());
    const outcome = services.outcome(task);
    runs.answered(run, outcome);
    const crashed = outcome.returnCode === serviceCrashCode;
    // Nobody works on it any more: it may be handed out again as soon as this is known.
    if (crashed) runs.end(run);
    if (fenced) {
      this.#delivery = new Delivery(run, this.#deliver(task, outcome));
      this.#delivery.whenDone(() => runs.end(run));
    } else {
      yield* this.#deps.link.ask("executor.complete", { id, outcome });
      runs.end(run);
    }
    return crashed ? "Unbinding" : "Bound";
  }

  /** The result travels beside the next LaunchTask. */
  *#deliver(task: TaskRecord, outcome: TaskOutcome): Script {
    const { world, link } = this.#deps;
    const input = { id: this.id, outcome, lease: leaseOf(task) };
    // A copy that the network kept back comes when nobody expects it any more.
    if (world.stormy && world.random.chance(0.1)) {
      world.after(world.random.skewed(5, 60_000), () => {
        link.manager.submit("executor.complete", input, nobody);
      });
    }
    yield* this.#call("executor.complete", input);
  }

  *#leave(): Script<LoopState> {
    const { id } = this;
    this.#local?.stop();
    this.#local = undefined;
    const { world } = this.#deps;
    const delivery = this.#delivery;
    if (delivery !== undefined) yield* until<void>((resume) => delivery.whenDone(resume));
    this.#delivery = undefined;
    yield* this.#call("executor.unbind", { id });
    yield* pause(world, world.random.skewed(1, 500));
    yield* this.#call("executor.unbindCompleted", { id });
    return "Idle";
  }

  /** Repeats a call until it is answered; nothing that an executor does in this order is ever refused. */
  *#call<K extends CallKind>(kind: K, input: CommandTable[K]["input"]): Script<Reply<K>> {
    for (let pauseMs = 100; ; pauseMs = Math.min(5_000, pauseMs * 2)) {
      if (this.draining && kind === "executor.launch") return {};
      const result = yield* until<CallResult<K>>((resume) => this.#begin(kind, input, resume));
      if (result.kind === "ok") return result.value;
      if (result.kind === "refused" && result.error.code !== "aborted")
        throw new Violation(`${kind} was refused: ${result.error.message}`);
      yield* pause(this.#deps.world, pauseMs);
    }
  }

  #begin<K extends CallKind>(
    kind: K,
    input: CommandTable[K]["input"],
    resume: (result: CallResult<K>) => void,
  ): void {
    const exchange = this.#deps.link.call(kind, input, resume);
    if (kind !== "executor.launch") return;
    this.#interrupt = () => {
      exchange.abandon();
      resume({ kind: "broken" });
    };
  }
}

/** A result on its way. */
class Delivery {
  readonly run: Run;
  readonly #running: Running;
  #done = false;
  readonly #then: (() => void)[] = [];

  constructor(run: Run, script: Script) {
    this.run = run;
    this.#running = new Running(this.#until(script));
  }

  whenDone(action: () => void): void {
    if (this.#done) action();
    else this.#then.push(action);
  }

  stop(): void {
    this.#running.stop();
  }

  *#until(script: Script): Script {
    yield* script;
    this.#done = true;
    for (const action of this.#then) action();
  }
}

const nobody = {
  reply: () => undefined,
  fail: () => undefined,
  push: () => undefined,
  end: () => undefined,
  lost: () => undefined,
};
