import { FlameError } from "../model/errors.ts";
import type { Input, SubmitJob } from "./submit-job.ts";
import { type NoTask, unacknowledged } from "./task-end.ts";
import type { Task } from "./types.ts";

/** What is called for one task. */
export interface OneTaskCalls {
  /** CreateTask. @throws FlameError */
  create(input: Input, timeoutMs: number | undefined): Promise<Task>;
  /** The task in its final state. @throws FlameError */
  finished(taskId: string): Promise<Task>;
}

/** Tasks of a session by CreateTask and WatchTask: how a session manager without flame.stream.v1.Clients is used. */
export class UnaryTasks {
  readonly sessionId: string;
  readonly #calls: OneTaskCalls;
  readonly #atOnce: number;

  /** @param atOnce CreateTask calls of one job under way at once */
  constructor(sessionId: string, calls: OneTaskCalls, atOnce: number) {
    this.sessionId = sessionId;
    this.#calls = calls;
    this.#atOnce = atOnce;
  }

  /** Everything that the job has left. */
  drain(job: SubmitJob): void {
    for (let worker = 0; worker < this.#atOnce; worker++) void this.#work(job);
  }

  async #work(job: SubmitJob): Promise<void> {
    while (job.next()) await this.create(job, job.index, job.input);
  }

  /** One input; resolves when it is a task, or none. */
  async create(job: SubmitJob, index: number, input: Input): Promise<void> {
    let taskId: string;
    try {
      taskId = (await this.#calls.create(input, job.timeoutMsOf(index))).id;
    } catch (thrown) {
      job.end(index, notCreated(this.sessionId, FlameError.from(thrown)));
      return;
    }
    if (job.follow) {
      job.created?.(index, Number(taskId));
      void this.watch(job, index, taskId);
    } else job.end(index, { kind: "created", taskId });
  }

  /** A task that there is already. */
  async watch(job: SubmitJob, index: number, taskId: string): Promise<void> {
    try {
      const task = await this.#calls.finished(taskId);
      job.end(index, { kind: "finished", taskId, state: task.state, task });
    } catch (thrown) {
      job.end(index, { kind: "lost", taskId, error: FlameError.from(thrown) });
    }
  }
}

function notCreated(sessionId: string, error: FlameError): NoTask {
  return isUncertain(error)
    ? { kind: "unacknowledged", error: unacknowledged(sessionId, error) }
    : { kind: "refused", error };
}

/** Whether the reply of a call was lost. */
export function isUncertain({ code }: FlameError): boolean {
  return code === "unavailable" || code === "deadline_exceeded";
}
