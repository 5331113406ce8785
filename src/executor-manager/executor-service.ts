import type { Clock } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { startStopwatch } from "../kit/stopwatch.ts";
import { serviceCrashCode } from "../model/task.ts";
import type { TaskResult } from "../protocol/generated/flame/v1/types.ts";
import type { Binding } from "./executor-messages.ts";
import type { ExecutorMeter } from "./executor-meter.ts";
import { bindCodes, type Opened, type ServiceHost } from "./service-host.ts";
import type { ServiceSession } from "./service-session.ts";
import type { LocalQueue } from "./work/local-queue.ts";
import { ServiceFeed } from "./work/service-feed.ts";
import type { LaunchedTask } from "./work/work-source.ts";

/** What the service of an executor needs. */
export interface ExecutorServiceDeps {
  readonly host: ServiceHost;
  readonly clock: Clock;
  readonly meter?: ExecutorMeter;
}

/** The service of one executor in its session: when one process ends between two tasks, another one takes its place. */
export class ExecutorService {
  readonly #deps: ExecutorServiceDeps;
  readonly #executorId: string;
  readonly #kill: AbortSignal;
  #binding: Binding | undefined;
  #session: ServiceSession | undefined;

  /** @param kill aborts when the executor is stopped */
  constructor(deps: ExecutorServiceDeps, executorId: string, kill: AbortSignal) {
    this.#deps = deps;
    this.#executorId = executorId;
    this.#kill = kill;
  }

  /** Starts it for a session; never rejects. */
  async open(binding: Binding): Promise<Opened> {
    this.#binding = binding;
    const binds = startStopwatch();
    const opened = await this.#deps.host.open(this.#executorId, binding, this.#kill);
    this.#deps.meter?.bound(binds(), opened.returnCode);
    this.#session = opened.session;
    return opened;
  }

  /** The tasks of `queue` for a service that gets them on its stream; nobody else asks for them meanwhile. */
  feed(queue: LocalQueue, logger: Logger): ServiceFeed | undefined {
    const fed = this.#session?.alive === true ? this.#session.fed : undefined;
    if (fed === undefined) return undefined;
    const { clock, meter } = this.#deps;
    return new ServiceFeed(queue, fed, { clock, logger, meter });
  }

  /** Undefined when there is no service that could begin the task. */
  async run(launched: LaunchedTask, logger: Logger): Promise<TaskResult | undefined> {
    const { taskId, requestId: request } = launched;
    const fields = { task: taskId, request };
    const session = await this.#livingSession(logger);
    if (typeof session === "string") {
      logger.warn({ ...fields, reason: session }, "no service for the task");
      // A session manager that does not fence takes no task back from an executor that unbinds.
      if (launched.lease !== undefined) return undefined;
      return { returnCode: serviceCrashCode, message: session };
    }
    logger.debug(fields, "task begins");
    const invoking = startStopwatch();
    const outcome = await session.invoke(taskId, launched.input);
    const seconds = invoking();
    const { meter } = this.#deps;
    if (outcome.kind === "answered") {
      logger.debug({ ...fields, seconds, code: outcome.result.returnCode }, "task ended");
      meter?.invoked(seconds, outcome.result.returnCode === 0 ? "succeed" : "failed");
      return outcome.result;
    }
    meter?.invoked(seconds, "crashed");
    logger.warn({ ...fields, reason: outcome.message }, "service ended during a task");
    return { returnCode: serviceCrashCode, message: outcome.message };
  }

  // A service that ended between two tasks took none with it: another one enters the session in its place.
  async #livingSession(logger: Logger): Promise<ServiceSession | string> {
    if (this.#session?.alive === true) return this.#session;
    if (this.#binding === undefined) return "the executor has no session";
    logger.warn({}, "service ended between tasks, starting another");
    await this.end();
    const { host } = this.#deps;
    const opened = await host.open(this.#executorId, this.#binding, this.#kill, true);
    this.#session = opened.session;
    return opened.returnCode === bindCodes.ok && opened.session !== undefined
      ? opened.session
      : opened.message;
  }

  /** Lets it leave the session; undefined on success, else why it did not. */
  async leave(): Promise<string | undefined> {
    return this.#session?.leave();
  }

  /** Ends its process. */
  async end(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.stop();
  }
}
