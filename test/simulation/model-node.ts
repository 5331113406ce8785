import type { BindReply } from "../../src/executors/executor-book.ts";
import type { NodePush } from "../../src/executors/node-book.ts";
import type { ExecutorRecord } from "../../src/model/executor.ts";
import type { NodeCaller, NodeReport } from "../../src/model/node.ts";
import { type ExecutorDeps, ModelExecutor } from "./model-executor.ts";
import { ModelWork } from "./model-work.ts";
import type { Exchange } from "./network.ts";
import { pause, Running, type Script, until } from "./script.ts";

/** Whether it has a work stream, and takes new executors there together with their sessions. */
export type Streams = "none" | "work" | "binds";

const heartbeatMs = 5_000;
const silenceMs = 30_000;

/** A node: it registers, keeps its stream, and runs the executors it is told of, until it crashes or is released. */
export class ModelNode {
  readonly report: NodeReport;
  readonly #deps: ExecutorDeps;
  readonly #streams: Streams;
  readonly #executors = new Map<string, ModelExecutor>();
  readonly #ended = new Set<string>();
  #life: Running | undefined;
  #stream: Exchange | undefined;
  #backoffMs = 1_000;
  #taking = true;
  #lives = 0;
  /** Which start of its executor manager it is; the published one does not tell. */
  #caller: NodeCaller = {};
  #work: ModelWork | undefined;
  #heardAt = 0;

  constructor(deps: Omit<ExecutorDeps, "work" | "silentMs">, report: NodeReport, streams: Streams) {
    this.report = report;
    this.#streams = streams;
    this.#deps = {
      ...deps,
      work: () => this.#work,
      silentMs: () => deps.world.now - this.#heardAt,
    };
  }

  /** Neither down nor about to leave. */
  get serving(): boolean {
    return this.up && this.#taking;
  }

  get up(): boolean {
    return this.#life !== undefined;
  }

  get executorIds(): string[] {
    return [...this.#executors.keys()];
  }

  /** A new life: it knows of no executor. */
  start(): void {
    this.#deps.world.note(`${this.report.name}: starts`);
    this.#taking = true;
    this.#caller = this.#nextCaller();
    this.#ended.clear();
    this.#backoffMs = 1_000;
    this.#life = new Running(this.#live());
    const { world, link } = this.#deps;
    if (this.#streams === "none") return;
    const take = (executor: ExecutorRecord, given: BindReply): void => this.#make(executor, given);
    const binds = this.#streams === "binds" ? take : undefined;
    this.#work = new ModelWork(world, link, this.report.name, this.#caller, binds);
  }

  /** Every second life begins in the home of the one before, whose end it can tell; the others begin in a new one. */
  #nextCaller(): NodeCaller {
    const { instance: before } = this.#caller;
    if (!this.#deps.fenced) return {};
    const instance = `${this.report.name}-${++this.#lives}`;
    return this.#lives % 2 === 1 || before === undefined
      ? { instance }
      : { instance, follows: [before] };
  }

  /** `kill -9`, or the power: everything on it is gone. */
  crash(serverDelayMs: number): void {
    this.#deps.world.note(`${this.report.name}: crashes`);
    this.#life?.stop();
    this.#life = undefined;
    this.#work?.close();
    this.#work = undefined;
    for (const executor of [...this.#executors.values()]) {
      this.#deps.runs.died.add(executor.id);
      executor.kill();
    }
    this.#executors.clear();
    this.#deps.link.abandonAll(serverDelayMs);
  }

  /** Takes nothing new, finishes what runs, then says good-bye. */
  release(): Running {
    this.#deps.world.note(`${this.report.name}: drains`);
    return new Running(this.#leave());
  }

  *#live(): Script {
    const { world, link } = this.#deps;
    for (;;) {
      if (this.#work !== undefined) this.#work.mayOpen = false;
      const executors = [...this.#executors.values()].map(({ id, state }) => ({
        id,
        state,
        shim: this.#deps.services.shim,
      }));
      const registered = yield* link.ask("node.register", {
        report: this.report,
        executors,
        endsServices: this.#deps.fenced,
        caller: this.#caller,
        works: this.#streams !== "none",
      });
      if (this.#work !== undefined) this.#work.mayOpen = registered.kind === "ok";
      if (registered.kind === "ok") yield* until<void>((resume) => this.#follow(resume));
      yield* pause(world, this.#backoffMs);
      this.#backoffMs = Math.min(30_000, this.#backoffMs * 2);
    }
  }

  /** One stream, until it ends. */
  #follow(over: () => void): void {
    const { world, link } = this.#deps;
    let open = true;
    let heardAt = world.now;
    const end = (): void => {
      open = false;
      over();
    };
    const heard = (): void => {
      heardAt = world.now;
      this.#heardAt = world.now;
      this.#backoffMs = 1_000;
    };
    const stream = link.begin(
      "node.watch",
      { report: this.report, caller: this.#caller },
      {
        acknowledged: heard,
        push: (value) => {
          heard();
          this.#take(value as NodePush);
        },
        end,
        broken: end,
        fail: end,
      },
    );
    this.#stream = stream;
    const beat = (): void => {
      if (!open || this.#stream !== stream) return;
      if (world.now - heardAt >= silenceMs) {
        stream.abandon();
        end();
        return;
      }
      stream.beat(this.report);
      world.after(heartbeatMs, beat);
    };
    world.after(heartbeatMs, beat);
  }

  #take({ executor, released }: NodePush): void {
    const known = this.#executors.get(executor.id);
    if (released) {
      this.#ended.add(executor.id);
      if (this.#deps.fenced) known?.release();
      else known?.kill();
      return;
    }
    this.#make(executor);
  }

  #make(executor: ExecutorRecord, given?: BindReply): void {
    const { id } = executor;
    if (this.#executors.has(id) || !this.#taking || this.#ended.has(id)) return;
    const over = (): void => {
      this.#executors.delete(id);
      this.#ended.add(id);
    };
    const loop = new ModelExecutor(this.#deps, executor, over, given);
    if (!this.#ended.has(id)) this.#executors.set(id, loop);
  }

  *#leave(): Script {
    const { world, link } = this.#deps;
    this.#taking = false;
    for (const executor of [...this.#executors.values()]) executor.drain();
    while (this.up && this.#executors.size > 0 && [...this.#executors.values()].some(works))
      yield* pause(world, 200);
    if (!this.up) return;
    const { name } = this.report;
    this.#life?.stop();
    this.#life = undefined;
    this.#work?.close();
    this.#work = undefined;
    for (const executor of [...this.#executors.values()]) executor.kill();
    this.#executors.clear();
    link.abandonAll(0);
    yield* link.ask("node.release", { name, caller: this.#caller });
    if (!world.stormy && !this.up) this.start();
  }
}

/** An executor that waits for a session, or forgot to, has nothing to finish. */
function works(executor: ModelExecutor): boolean {
  return executor.state !== "Idle" && executor.state !== "Void";
}
