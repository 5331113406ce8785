import { FlameError } from "../../model/errors.ts";
import type { TaskRecord, TaskReply } from "../../model/task.ts";
import type { StreamSink } from "../engine/engine-door.ts";

/** The way to the client of one watch. */
export interface WatchOutlet<M> {
  /** What to send of a task that can be sent at once; undefined when it takes room, or has to be read. */
  readonly atHand: (reply: TaskReply) => M | undefined;
  /** The task behind what the machine pushed. @throws what the watch is to fail with */
  readonly record: (reply: TaskReply) => Promise<TaskRecord>;
  /** Resolves when there is room for what is sent of the task, with how to give it back. */
  readonly room: (task: TaskRecord) => Promise<() => void>;
  /** What to send. @throws what the watch is to fail with */
  readonly read: (task: TaskRecord) => Promise<M>;
  /** Sends; `taken` is called when the client has taken it. */
  readonly write: (message: M, taken: () => void) => void;
  readonly end: () => void;
  readonly fail: (error: FlameError) => void;
}

const nothing = (): void => undefined;

/**
 * Sends the states of one task no faster than the client takes them: of those that come while one is under way only the
 * newest is kept. So a client that never reads holds one message and one record.
 */
export class WatchWriter<M> implements StreamSink<TaskReply> {
  readonly #outlet: WatchOutlet<M>;
  #next: TaskReply | undefined;
  /** idle: nothing under way; preparing: waits for room or the store; unread: written, and not taken by the client. */
  #state: "idle" | "preparing" | "unread" | "failed" = "idle";
  #over = false;

  constructor(outlet: WatchOutlet<M>) {
    this.#outlet = outlet;
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
    const message = this.#outlet.atHand(next);
    if (message !== undefined) {
      this.#write(message, nothing);
      return;
    }
    this.#state = "preparing";
    this.#prepare(next).catch((thrown: unknown) => this.#fail(FlameError.from(thrown)));
  }

  async #prepare(reply: TaskReply): Promise<void> {
    const task = await this.#outlet.record(reply);
    const giveBack = await this.#outlet.room(task);
    try {
      const message = this.#isOutdated() ? undefined : await this.#outlet.read(task);
      if (message === undefined || this.#isOutdated()) {
        giveBack();
        this.#send();
      } else this.#write(message, giveBack);
    } catch (thrown) {
      giveBack();
      throw thrown;
    }
  }

  /** A newer one has come. */
  #isOutdated(): boolean {
    return this.#next !== undefined;
  }

  #write(message: M, giveBack: () => void): void {
    if (this.#state === "failed") {
      giveBack();
      return;
    }
    this.#state = "unread";
    this.#outlet.write(message, () => {
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
    if (this.#state === "failed") return;
    this.#state = "failed";
    this.#next = undefined;
    this.#outlet.fail(error);
  }
}
