import type { Submits, TasksRequest } from "../protocol/generated/flame/stream/v1/clients.ts";
import type { Input } from "./submit-job.ts";
import { toBuffer } from "./wire.ts";

/** A message is not made larger than this, in bytes, but for its last input. */
const bytesMax = 1024 * 1024;
/** Inputs of a message: what the server decodes in one go. */
const inputsMax = 1_024;
/** About what an input takes beside its bytes. */
const inputBytes = 8;

type Growing<T> = { -readonly [K in keyof T]: T[K] };

/** One message to a session manager, while it is put together. */
export class OutgoingBatch {
  readonly request: Growing<TasksRequest> = {
    lanes: [],
    submits: [],
    follows: [],
    credit: undefined,
  };
  #bytes = 0;
  #inputs = 0;
  #group: Submits | undefined;
  /** The number that joins the group. */
  #next = 0;

  get isFull(): boolean {
    return this.#bytes >= bytesMax || this.#inputs >= inputsMax;
  }

  get isEmpty(): boolean {
    const { lanes, follows, credit } = this.request;
    return this.#inputs + lanes.length + follows.length === 0 && credit === undefined;
  }

  open(lane: number, sessionId: string, producer: string): void {
    this.request.lanes.push({ lane, sessionId, producer });
    this.#bytes += sessionId.length + producer.length;
  }

  input(lane: number, number: number, follow: boolean, data: Input, timeoutMs?: number): void {
    let group = this.#group;
    if (
      group === undefined ||
      group.lane !== lane ||
      group.follow !== follow ||
      number !== this.#next
    ) {
      group = { lane, first: BigInt(number), follow, inputs: [] };
      this.request.submits.push(group);
      this.#group = group;
    }
    this.#next = number + 1;
    const timeout = timeoutMs === undefined ? undefined : BigInt(timeoutMs);
    group.inputs.push({ data: data && toBuffer(data), timeout });
    this.#inputs++;
    this.#bytes += inputBytes + (data?.length ?? 0);
  }

  follow(lane: number, first: number, count: number): void {
    this.request.follows.push({ lane, first: BigInt(first), count });
    this.#inputs += count;
  }
}
