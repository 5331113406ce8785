import type { Logger } from "../../kit/logger.ts";
import type { TaskResult } from "../../protocol/generated/flame/v1/types.ts";
import type { ExecutorCalls } from "../backend-client.ts";
import { type ResultDelivery, startDelivery } from "../result-delivery.ts";
import type { LaunchedTask, WorkSource } from "./work-source.ts";

/** What the work of one executor needs. */
export interface UnaryWorkDeps {
  readonly calls: Pick<ExecutorCalls, "launch" | "complete">;
  readonly logger: Logger;
  /** Aborts when the executor takes nothing new. */
  readonly drain: AbortSignal;
  /** Aborts when the executor is stopped. */
  readonly kill: AbortSignal;
  /** Waits a little after a refusal; rethrows everything else. */
  readonly refused: (rpc: string, thrown: unknown) => Promise<void>;
}

/** One task for each LaunchTask, one result for each CompleteTask (docs/protocol.md, "Executors" and "Leases"). */
export class UnaryWork implements WorkSource {
  readonly #deps: UnaryWorkDeps;
  readonly #executorId: string;
  /** The last result, until it is known to have arrived. */
  #delivery: ResultDelivery | undefined;

  constructor(deps: UnaryWorkDeps, executorId: string) {
    this.#deps = deps;
    this.#executorId = executorId;
  }

  async next(): Promise<LaunchedTask | undefined> {
    const { calls, drain, refused } = this.#deps;
    for (;;) {
      let launched: LaunchedTask | undefined;
      try {
        launched = await calls.launch(this.#executorId, drain);
      } catch (thrown) {
        if (!drain.aborted) await refused("LaunchTask", thrown);
        return undefined;
      }
      if (launched?.lease === undefined || launched.lease !== this.#delivery?.lease)
        return launched;
      // LaunchTask overtook CompleteTask: this is the task whose result is still on its way. If that is refused, the
      // task would be handed out again and again: leaving the session gives it back.
      if (!(await this.#delivery.done) || drain.aborted) return undefined;
    }
  }

  finish(launched: LaunchedTask, result: TaskResult): Promise<void> | undefined {
    // The result travels beside the next LaunchTask, so that the session manager takes both in one turn: one commit
    // and one round trip for each task.
    const { calls, logger, kill } = this.#deps;
    this.#delivery = startDelivery({ calls, logger }, this.#executorId, launched, result, kill);
    // Without leases the next LaunchTask could not tell a new task from the one that was just done.
    return launched.lease === undefined ? this.settled() : undefined;
  }

  giveBack(): void {
    // Leaving the session says it.
  }

  shut(): void {
    // There is nothing behind the task that runs.
  }

  async settled(): Promise<void> {
    await this.#delivery?.done;
  }

  drop(): void {
    // The signals that it was made with end its calls.
  }
}
