import type { Logger } from "../../kit/logger.ts";
import type {
  Assignment,
  Bind,
  WorkRequest,
} from "../../protocol/generated/flame/stream/v1/nodes.ts";
import type { RequestTrail } from "../calls/request-trail.ts";

interface Told {
  readonly request: string;
  readonly session: string;
  readonly task: string;
}

/**
 * One line for each session and each task that leaves on a work stream, and one for each result, as BindExecutor,
 * LaunchTask and CompleteTask have them: what follows a task through the log finds it here too. Only made where debug
 * lines are written.
 */
export class WorkLog {
  readonly #logger: Logger;
  readonly #trail: RequestTrail;
  readonly #node: string;
  /** By lease: what results do not say again. */
  readonly #out = new Map<string, Told>();

  constructor(logger: Logger, trail: RequestTrail, node: string) {
    this.#logger = logger;
    this.#trail = trail;
    this.#node = node;
  }

  assigned({ executorId: executor, lease, requestId, sessionId, taskId }: Assignment): void {
    const told = { request: requestId, session: sessionId, task: taskId };
    this.#out.set(lease, told);
    this.#logger.debug(
      { rpc: "work", ...told, executor, node: this.#node, lease },
      "task handed out",
    );
  }

  given({ executor, session, requestId: request }: Bind): void {
    const about = { session: session?.metadata?.id, executor: executor?.metadata?.id };
    this.#logger.debug({ rpc: "work", request, ...about, node: this.#node }, "session given");
  }

  came({ ready, completions, returns }: WorkRequest): void {
    for (const { held } of ready)
      for (const { lease, sessionId: session, taskId: task } of held)
        this.#out.set(lease, { request: this.#trail.find(session, task) ?? "", session, task });
    for (const { executorId: executor, lease, returnCode } of completions) {
      this.#tell("result taken", executor, lease, { return_code: returnCode });
      this.#out.delete(lease);
    }
    for (const { executorId: executor, leases } of returns)
      for (const lease of leases) {
        this.#tell("task came back: it had not begun", executor, lease, {});
        this.#out.delete(lease);
      }
  }

  #tell(message: string, executor: string, lease: string, more: object): void {
    const told = this.#out.get(lease);
    this.#logger.debug(
      { rpc: "work", ...told, executor, node: this.#node, lease, ...more },
      message,
    );
  }
}
