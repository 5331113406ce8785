import { type FlameEvent, usualEventTexts } from "../model/event.ts";
import type { TaskRecord, TaskState } from "../model/task.ts";
import type { Result } from "./generated/flame/stream/v1/clients.ts";

/** A state's place in its list is its number on the wire (docs/protocol.md, "Messages"). */
const taskStates: readonly TaskState[] = ["Pending", "Running", "Succeed", "Failed", "Cancelled"];

/**
 * How a task ended, in few bytes; without its offset.
 * @param task undefined: nothing more is known of it
 * @param output its bytes, `elsewhere` where GetTask is to be asked, or why nothing is known
 */
export function resultToWire(
  task: TaskRecord | undefined,
  output: Buffer | string | undefined,
): Result {
  if (task === undefined)
    return {
      offset: 0,
      state: 0,
      elsewhere: false,
      creationTime: 0,
      completionTime: 0,
      events: [],
      lost: String(output),
    };
  return {
    offset: 0,
    state: taskStates.indexOf(task.state),
    output: typeof output === "string" ? undefined : output,
    elsewhere: output === "elsewhere",
    creationTime: task.creationTime,
    completionTime: task.completionTime ?? 0,
    events: task.events.map(eventToWire),
  };
}

function eventToWire({ code, creationTime: time, message }: FlameEvent): Result["events"][number] {
  return message === usualEventTexts[code] ? { code, time } : { code, time, message };
}
