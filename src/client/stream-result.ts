import { usualEventTexts } from "../model/event.ts";
import type { Result, ResultEvent } from "../protocol/generated/flame/stream/v1/clients.ts";
import type { EventInfo, Task } from "./types.ts";
import { named, taskStates } from "./wire.ts";

/** The task of a result on a stream. It travels without its input. */
export function taskOfResult(sessionId: string, taskId: number, result: Result): Task {
  const { state, output, creationTime, completionTime, events } = result;
  const task = {
    id: String(taskId),
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
