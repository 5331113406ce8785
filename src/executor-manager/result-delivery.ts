import type { Logger } from "../kit/logger.ts";
import type { TaskResult } from "../protocol/generated/flame/v1/types.ts";
import type { ExecutorCalls } from "./backend-client.ts";
import { isRefusal, isTooLarge, RpcFailure } from "./unary.ts";
import type { LaunchedTask } from "./work/work-source.ts";

/** A result on its way to the session manager. */
export interface ResultDelivery {
  /** Of the task that it belongs to. */
  readonly lease: string | undefined;
  /** Resolves when it was answered; with false when it was refused for good and the task still waits for a result. */
  readonly done: Promise<boolean>;
}

/** What a delivery needs. */
export interface DeliveryDeps {
  readonly calls: Pick<ExecutorCalls, "complete">;
  readonly logger: Logger;
}

/** Sends a result until it is answered; whoever awaits `done` sees why it could not be. */
export function startDelivery(
  deps: DeliveryDeps,
  executorId: string,
  launched: LaunchedTask,
  result: TaskResult,
  signal: AbortSignal,
): ResultDelivery {
  const send = (what: TaskResult): Promise<boolean> =>
    complete(deps, executorId, launched, what, signal);
  const done = send(result).catch((thrown: unknown) => {
    if (!(thrown instanceof RpcFailure) || !isTooLarge(thrown) || result.output === undefined) {
      throw thrown;
    }
    // Left as it is, the task would be handed out again and again with the same end.
    const message = `the output (${result.output.length} bytes) was refused: ${thrown.message}; use put_object`;
    return send({ returnCode: -1, message });
  });
  const answered = done.catch((thrown: unknown) => {
    if (thrown instanceof RpcFailure && isRefusal(thrown)) return false;
    throw thrown;
  });
  // Nobody may be waiting yet, or any more: that alone is no reason to end the process.
  answered.catch(() => undefined);
  return { lease: launched.lease, done: answered };
}

async function complete(
  { calls, logger }: DeliveryDeps,
  executorId: string,
  launched: LaunchedTask,
  result: TaskResult,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await calls.complete(executorId, result, launched, signal);
    return true;
  } catch (thrown) {
    if (thrown instanceof RpcFailure && isRefusal(thrown)) {
      logger.warn({ task: launched.taskId, reason: thrown.message }, "result refused");
    }
    throw thrown;
  }
}
