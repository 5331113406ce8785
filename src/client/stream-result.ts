import { usualEventTexts } from "../model/event.ts";
import type { TaskState } from "../model/task.ts";
import type { Result, ResultEvent } from "../protocol/generated/flame/stream/v1/clients.ts";
import type { IncomingResult } from "../protocol/incoming-results.ts";
import type { TaskEnd } from "./task-end.ts";
import type { EventInfo, Task } from "./types.ts";
import { named, taskStates } from "./wire.ts";

type Finished = Extract<TaskEnd, { readonly kind: "finished" }>;

/** The end of a task as a stream told it, read when it is looked at. */
export class StreamedEnd implements Finished {
  readonly kind = "finished";
  readonly taskId: string;
  readonly state: TaskState;
  readonly #sessionId: string;
  readonly #result: IncomingResult;
  #task: Task | undefined;

  constructor(sessionId: string, taskId: number, result: IncomingResult) {
    this.#sessionId = sessionId;
    this.taskId = String(taskId);
    this.state = named(taskStates, result.state, "Result.state");
    this.#result = result;
  }

  get task(): Task {
    this.#task ??= taskOfResult(this.#sessionId, this.taskId, this.#result.read());
    return this.#task;
  }
}

/** The task of a result on a stream. It travels without its input. */
function taskOfResult(sessionId: string, id: string, result: Result): Task {
  const { state, output, creationTime, completionTime, events } = result;
  const task = {
    id,
    sessionId,
    state: named(taskStates, state, "Result.state"),
    creationTime: new Date(creationTime),
    completionTime: new Date(completionTime),
    events: events.map(eventOf),
  };
  return output === undefined ? task : { ...task, output };
}

function eventOf({ code, time, message }: ResultEvent): EventInfo {
  return { code, message: message ?? usualEventTexts[code] ?? "", time: new Date(time) };
}
