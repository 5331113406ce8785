import { FlameError } from "../model/errors.ts";
import type { TaskRecord, TaskReply } from "../model/task.ts";
import type { StreamSink } from "./engine-door.ts";

/** The way to the client of one watch. */
export interface WatchOutlet {
  /** Undefined: the task can be sent at once; else resolves when there is room, with how to give it back. */
  readonly room: (task: TaskRecord) => Promise<() => void> | undefined;
  /** Sends; `taken` is called when the client has taken it. */
  readonly write: (task: TaskRecord, taken: () => void) => void;
  readonly end: () => void;
  readonly fail: (error: FlameError) => void;
}

const nothing = (): void => undefined;

/**
 * Sends the states of one task no faster than the client takes them: of those that come while one is under way only the
 * newest is kept. So a client that never reads holds one message and one record.
 */
export class WatchWriter implements StreamSink<TaskReply> {
  readonly #outlet: WatchOutlet;
  readonly #recordOf: (reply: TaskReply) => TaskRecord;
  #next: TaskReply | undefined;
  /** idle: nothing under way; waiting: for room; unread: written, and not taken by the client. */
  #state: "idle" | "waiting" | "unread" | "failed" = "idle";
  #over = false;

  /** @param recordOf the record behind what the machine pushed; may throw what the watch is to fail with */
  constructor(outlet: WatchOutlet, recordOf: (reply: TaskReply) => TaskRecord) {
    this.#outlet = outlet;
    this.#recordOf = recordOf;
  }

  push(reply: TaskReply): void {
    if (this.#state === "failed") return;
    this.#next = reply;
    if (this.#state === "idle") this.#send();
  }

  end(error?: FlameError): void {
    if (this.#state === "failed") return;
    if (error !== undefined) this.#fail(error);
    this.#over = true;
    this.#endWhenDone();
  }

  #send(): void {
    const next = this.#next;
    if (next === undefined) return;
    this.#next = undefined;
    try {
      const task = this.#recordOf(next);
      const room = this.#outlet.room(task);
      if (room === undefined) {
        this.#write(task, nothing);
        return;
      }
      this.#state = "waiting";
      room.then(
        (giveBack) => {
          this.#proceed(task, giveBack);
        },
        (thrown: unknown) => {
          this.#fail(FlameError.from(thrown));
        },
      );
    } catch (thrown) {
      this.#fail(FlameError.from(thrown));
    }
  }

  #proceed(task: TaskRecord, giveBack: () => void): void {
    if (this.#next === undefined) {
      this.#write(task, giveBack);
      return;
    }
    giveBack();
    this.#send();
  }

  #write(task: TaskRecord, giveBack: () => void): void {
    this.#state = "unread";
    this.#outlet.write(task, () => {
      giveBack();
      if (this.#state !== "unread") return;
      this.#state = "idle";
      this.#send();
    });
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    if (!this.#over || this.#next !== undefined) return;
    if (this.#state === "idle" || this.#state === "unread") this.#outlet.end();
  }

  #fail(error: FlameError): void {
    this.#state = "failed";
    this.#next = undefined;
    this.#outlet.fail(error);
  }
}
