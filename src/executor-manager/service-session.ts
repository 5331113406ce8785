import { textOf } from "../kit/thrown.ts";
import { describeExit } from "../process/exit-facts.ts";
import { taskTitle } from "../process/log-marks.ts";
import type { Result, TaskResult } from "../protocol/generated/flame/v1/types.ts";
import type { Binding } from "./executor-messages.ts";
import { lastWords, type ServiceProcess } from "./service-process.ts";
import { isBroken, RpcFailure } from "./unary.ts";
import type { FedService } from "./work/service-feed.ts";
import { ServiceBreach, ServiceGone, TaskStream } from "./work/task-stream.ts";

/** What came of a task: the service's own answer, or the news that the service is gone. */
export type TaskOutcome =
  | { readonly kind: "answered"; readonly result: TaskResult }
  | { readonly kind: "crashed"; readonly message: string };

/** Every failure that a service reports itself is sent as this code, so that none can ask for a re-queue. */
const OWN_FAILURE = -1;

/** How long a process whose connection broke may take to be seen ending, in milliseconds. */
const EXIT_WAIT_MS = 1_000;

/** How long a service may take to leave a session, in milliseconds. */
const LEAVE_TIMEOUT_MS = 10_000;

/** One service process serving one session. */
export class ServiceSession {
  readonly #process: ServiceProcess;
  readonly #binding: Binding;
  /** Ends the open call: nobody wants its answer any more, or nobody is left to give it. */
  readonly #over = new AbortController();
  readonly #killed: AbortSignal;
  readonly #stopped: () => void;
  /** Of a service that takes its tasks there; the others are called. */
  readonly #tasks: TaskStream | undefined;
  #gone = false;
  /** What the last task printed is read by then. */
  #quiet: Promise<void> | undefined;

  /**
   * @param signal aborts when the executor is stopped.
   * @param stopped is called when the whole process group has ended.
   */
  constructor(process: ServiceProcess, binding: Binding, signal: AbortSignal, stopped: () => void) {
    this.#stopped = stopped;
    this.#process = process;
    this.#tasks = process.line instanceof TaskStream ? process.line : undefined;
    this.#binding = binding;
    this.#killed = signal;
    this.#over.signal.addEventListener("abort", () => this.#tasks?.cancel(), { once: true });
    const stop = (): void => this.#over.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    // A member of the group that outlives its leader may keep the connection open without ever answering.
    void process.group.exited.then(() => {
      signal.removeEventListener("abort", stop);
      setTimeout(stop, EXIT_WAIT_MS).unref();
    });
  }

  /** False once the process has ended or its connection broke. */
  get alive(): boolean {
    const ended = this.#gone || this.#process.group.exitFacts !== undefined;
    return !ended && this.#tasks?.isOpen !== false;
  }

  /** Lets the service enter the session; a result that is not 0 tells why it did not. */
  async enter(): Promise<Result> {
    try {
      const result = await this.#process.line.enter(this.#binding.context, this.#over.signal);
      return { returnCode: result.returnCode, message: result.message ?? "" };
    } catch (thrown) {
      return {
        returnCode: OWN_FAILURE,
        message: await this.#failureText("OnSessionEnter", thrown),
      };
    }
  }

  /** Runs a task. A service that cannot answer any more is `crashed`; one that answers with an error has failed the task. */
  async invoke(taskId: string, input: Buffer | undefined): Promise<TaskOutcome> {
    // What the task before printed lies in the pipe when its result comes, and is read in the same turn.
    await this.#quiet;
    const { group } = this.#process;
    group.beginSection(taskTitle(taskId));
    try {
      const task = { taskId, sessionId: this.#binding.sessionId, input };
      const result = await this.#process.line.invoke(task, this.#over.signal);
      return { kind: "answered", result: asTold(result) };
    } catch (thrown) {
      const message = await this.#failureText(`task ${taskId}`, thrown);
      if (!this.alive) return { kind: "crashed", message };
      return { kind: "answered", result: { returnCode: OWN_FAILURE, message } };
    } finally {
      group.endSection();
      this.#quiet = new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /** For whoever hands it tasks on its stream; undefined: it has none. */
  get fed(): FedService | undefined {
    const { group } = this.#process;
    const tasks = this.#tasks;
    if (tasks === undefined) return undefined;
    return {
      tasks,
      section: (taskId) => {
        if (taskId === undefined) group.endSection();
        else group.beginSection(taskTitle(taskId));
      },
      told: asTold,
      lost: async (taskId, why) => {
        const what = taskId === undefined ? "between two tasks" : `during task ${taskId}`;
        this.#gone = true;
        const message = await this.#endText(what, why);
        group.endSection();
        return message;
      },
    };
  }

  /** Lets the service leave the session; undefined on success, else why it did not, which changes nothing. */
  async leave(): Promise<string | undefined> {
    if (!this.alive) return undefined;
    try {
      const { returnCode, message } = await this.#process.line.leave(
        LEAVE_TIMEOUT_MS,
        this.#over.signal,
      );
      return returnCode === 0 ? undefined : `return code ${returnCode}: ${message ?? ""}`;
    } catch (thrown) {
      return textOf(thrown);
    }
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    this.#stopped();
  }

  async #failureText(what: string, thrown: unknown): Promise<string> {
    const { application } = this.#binding;
    const service = `the service of application "${application.name}"`;
    if (!isEnd(thrown)) return `${service}: ${what}: ${textOf(thrown)}`;
    this.#gone = true;
    return this.#endText(`during ${what}`, thrown);
  }

  /** How it ended, or what it did that it can be asked no more. @param when such as `during task 1` */
  async #endText(when: string, thrown: Error): Promise<string> {
    const service = `the service of application "${this.#binding.application.name}"`;
    if (this.#killed.aborted) return `${service} was stopped ${when}`;
    const { group } = this.#process;
    await Promise.race([group.exited, elapsed(EXIT_WAIT_MS)]);
    return `${service} ${this.#howItEnded(thrown)} ${when}${await lastWords(group)}`;
  }

  #howItEnded(thrown: Error): string {
    const { exitFacts } = this.#process.group;
    if (exitFacts !== undefined) return `ended with ${describeExit(exitFacts)}`;
    return thrown instanceof ServiceBreach
      ? thrown.message
      : `closed its connection (${thrown.message})`;
  }
}

/** The service can be asked no more. */
function isEnd(thrown: unknown): thrown is Error {
  if (thrown instanceof ServiceBreach || thrown instanceof ServiceGone) return true;
  return thrown instanceof RpcFailure && isBroken(thrown);
}

/** Its own failures have one code. */
function asTold(result: TaskResult): TaskResult {
  return result.returnCode === 0 ? result : { ...result, returnCode: OWN_FAILURE };
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
