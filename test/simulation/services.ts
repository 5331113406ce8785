import type { BindReply } from "../../src/executors/executor-book.ts";
import type { ExecutorRecord, Shim } from "../../src/model/executor.ts";
import { sameResources } from "../../src/model/resources.ts";
import { serviceCrashCode, type TaskOutcome, type TaskRecord } from "../../src/model/task.ts";
import { Violation, type World } from "./world.ts";

/** What the services of a node do: how long they take, and how they fail. */
export class Services {
  readonly shim: Shim = "Host";
  readonly #world: World;
  /** Applications whose package cannot be installed before a moment. */
  readonly #brokenUntil: ReadonlyMap<string, number>;

  constructor(world: World, brokenUntil: ReadonlyMap<string, number>) {
    this.#world = world;
    this.#brokenUntil = brokenUntil;
  }

  bindMs(): number {
    return this.#world.random.skewed(5, 2_000);
  }

  taskMs(): number {
    const { random, stormy } = this.#world;
    return stormy && random.chance(0.05) ? random.between(3_000, 40_000) : random.skewed(1, 2_000);
  }

  bindFailure(application: string): string | undefined {
    const { now, random, stormy } = this.#world;
    const broken = now < (this.#brokenUntil.get(application) ?? 0);
    return broken || (stormy && random.chance(0.02)) ? `no package of ${application}` : undefined;
  }

  outcome(task: TaskRecord): TaskOutcome {
    const { random, stormy } = this.#world;
    if (stormy && random.chance(0.04)) return { returnCode: serviceCrashCode, message: "signal 9" };
    if (random.chance(0.1)) return { returnCode: -1, message: "ValueError: no" };
    return { returnCode: 0, output: Buffer.from(`${task.sessionId}/${task.id}`) };
  }

  /** An executor serves only sessions of exactly its resources and shim. */
  checkFits(bound: NonNullable<BindReply["bound"]>, executor: ExecutorRecord): void {
    const { record } = bound.session;
    if (!sameResources(record.resreq, executor.resreq) || bound.application.spec.shim !== this.shim)
      throw new Violation(`executor ${executor.id} was given ${record.id}, which it cannot serve`);
  }
}
