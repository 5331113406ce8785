import { status } from "@grpc/grpc-js";
import type {
  Follow,
  Lane,
  LaneEnd,
  Result,
  SubmitAcknowledgement,
  SubmitRefusal,
  Submits,
} from "../../src/protocol/generated/flame/stream/v1/clients.ts";
import type { Random } from "../support/random.ts";
import { submitInput } from "./submit-ledger.ts";
import { Violation } from "./world.ts";

interface Item {
  readonly follow: boolean;
  readonly timeoutMs: number | undefined;
  /** Once it is acknowledged. */
  task?: number;
  refused?: true;
  /** The state of its task, or that nothing more is known of it. */
  result?: number | "lost";
  /** The lane on which it was sent first. */
  firstLane?: object;
  /** How often it was sent on the present lane, answered and delivered. */
  sent: number;
  answered: number;
  asked: boolean;
  heard: boolean;
}

/** What happened to the submits of all clients together: whether the simulation sees what it is for. */
export class SubmitTally {
  acknowledged = 0;
  again = 0;
  refused = 0;
  results = 0;
  repeated = 0;
  lost = 0;
  readonly ends = new Map<number, number>();
}

const succeed = 2;
const notFound: number = status.NOT_FOUND;
const aborted: number = status.ABORTED;
const invalid: number = status.INVALID_ARGUMENT;

/** One producer in one session: what it has submitted, and what it has heard of it. */
export class Submitter {
  readonly sessionId: string;
  readonly name: string;
  /** Somebody closes the session, or may have. */
  closing = false;
  /** The session was deleted. */
  gone = false;
  /** On the present stream. */
  lane: number | undefined;
  /** By number, less one. */
  readonly #items: Item[] = [];
  readonly #tally: SubmitTally;
  readonly #batchMax: number;
  /** Sent up to here on the present lane. */
  #sentTo = 0;
  /** Stands for the present lane. */
  #laneMark = {};
  /** It has left a gap on the present lane, on purpose. */
  #gapped = false;

  constructor(sessionId: string, name: string, batchMax: number, tally: SubmitTally) {
    this.sessionId = sessionId;
    this.name = name;
    this.#batchMax = batchMax;
    this.#tally = tally;
  }

  add(follow: boolean, timeoutMs?: number): void {
    this.#items.push({ follow, timeoutMs, sent: 0, answered: 0, asked: false, heard: false });
  }

  /** Every submit was answered. */
  get settled(): boolean {
    return this.gone || this.#items.every(isAnswered);
  }

  /** Results that have to come. */
  get outstanding(): number {
    if (this.gone) return 0;
    return this.#items.filter(({ follow, task, result }) => follow && task && !result).length;
  }

  get tasks(): number[] {
    return this.#items.flatMap(({ task }) => task ?? []);
  }

  /** Number and task of each submit that was answered; 0: refused. */
  *answers(): Iterable<readonly [number, number]> {
    for (const [at, { task, refused }] of this.#items.entries())
      if (task !== undefined || refused === true) yield [at + 1, task ?? 0];
  }

  /** The stream broke: whatever was not answered is sent again on the next one. */
  broke(): void {
    this.lane = undefined;
  }

  /** @returns the lane to open, where one is to be; results that are not known yet are followed on it */
  open(lane: number, random: Random): { readonly lane: Lane; readonly follows: readonly Follow[] } {
    this.lane = lane;
    this.#laneMark = {};
    this.#gapped = false;
    const unanswered = this.#items.findIndex((item) => !isAnswered(item));
    const from = unanswered === -1 ? this.#items.length : unanswered;
    // Some clients send again what was answered before as well.
    this.#sentTo = Math.max(0, from - (random.chance(0.3) ? random.skewed(0, 20) : 0));
    for (const item of this.#items)
      Object.assign(item, { sent: 0, answered: 0, asked: false, heard: false });
    const follows: Follow[] = [];
    for (const [at, item] of this.#items.slice(0, this.#sentTo).entries()) {
      const { follow, task, result } = item;
      if (!follow || task === undefined || (result !== undefined && !random.chance(0.1))) continue;
      item.asked = true;
      follows.push({ lane, first: BigInt(at + 1), count: 1 });
    }
    return { lane: { lane, sessionId: this.sessionId, producer: this.name }, follows };
  }

  /** What was not sent yet, in batches; now and then doubled, or in an order that leaves a gap. */
  take(random: Random): Submits[] {
    const batches: Submits[] = [];
    while (this.#sentTo < this.#items.length) {
      const batch = this.#batch(random.between(1, this.#batchMax));
      this.#sentTo += batch.inputs.length;
      batches.push(batch);
      if (random.chance(0.05)) batches.push(batch);
    }
    const isNew = (at: number): boolean =>
      this.#items[Number(batches[at]?.first ?? 0) - 1]?.firstLane === undefined;
    if (batches.length > 1 && isNew(0) && random.chance(0.02)) {
      batches.reverse();
      this.#gapped = true;
    }
    for (const { first, inputs } of batches)
      for (let at = 0; at < inputs.length; at++) this.#sent(Number(first) + at);
    return batches;
  }

  acknowledged({ first, count, firstTask }: SubmitAcknowledgement): void {
    for (let at = 0; at < count; at++) {
      const number = Number(first) + at;
      const item = this.#answered(number);
      const task = Number(firstTask) + at;
      if (item.refused === true || (item.task ?? task) !== task)
        throw new Violation(
          `${this.#nameOf(number)} is task ${task}, and was ${item.task ?? "refused"}`,
        );
      if (item.task === undefined) this.#tally.acknowledged++;
      else this.#tally.again++;
      item.task = task;
    }
  }

  refused({ first, count, message, retryAfter }: SubmitRefusal): void {
    for (let at = 0; at < count; at++) {
      const number = Number(first) + at;
      const item = this.#answered(number);
      if (item.task !== undefined)
        throw new Violation(`${this.#nameOf(number)} was task ${item.task} and is refused`);
      const isFirst = item.refused === undefined;
      item.refused = true;
      this.#tally.refused++;
      if (retryAfter === undefined && !this.closing)
        throw new Violation(`${this.#nameOf(number)} was refused: ${message}`);
      if (isFirst && retryAfter !== undefined) this.add(item.follow, item.timeoutMs);
    }
  }

  result(number: number, { state, output, lost }: Result): void {
    const item = this.#items[number - 1];
    const name = this.#nameOf(number);
    if (item?.task === undefined) throw new Violation(`a result of ${name} came before its task`);
    if (!item.asked) throw new Violation(`a result of ${name} came, which nobody asked for`);
    if (item.heard) throw new Violation(`the result of ${name} came twice on one lane`);
    item.heard = true;
    const result = lost === undefined ? state : "lost";
    // Whatever ends while a lane listens is kept until it has left.
    if (lost !== undefined && item.firstLane === this.#laneMark && !this.closing)
      throw new Violation(`the result of ${name} did not leave in time: ${lost}`);
    if (state === succeed && output?.toString() !== `${this.sessionId}/${item.task}`)
      throw new Violation(`${name} is task ${item.task}, its result is ${String(output)}`);
    if (item.result !== undefined && result !== "lost" && item.result !== result)
      throw new Violation(`the result of ${name} was ${item.result} and is ${result}`);
    this.#tally[result === "lost" ? "lost" : item.result === undefined ? "results" : "repeated"]++;
    item.result = result;
  }

  /** The lane has ended; it is opened again, unless its session is gone. */
  ended({ code, message }: LaneEnd): void {
    this.#tally.ends.set(code, (this.#tally.ends.get(code) ?? 0) + 1);
    this.lane = undefined;
    if (code === notFound && this.closing) this.gone = true;
    else if (code !== aborted && !(code === invalid && this.#gapped))
      throw new Violation(`the lane of ${this.name} to ${this.sessionId} ended: ${message}`);
  }

  #batch(most: number): Submits {
    const first = this.#sentTo + 1;
    const follow = this.#items[this.#sentTo]?.follow === true;
    const inputs: Submits["inputs"] = [];
    while (inputs.length < most) {
      const item = this.#items[this.#sentTo + inputs.length];
      if (item?.follow !== follow) break;
      const timeout = item.timeoutMs === undefined ? undefined : BigInt(item.timeoutMs);
      inputs.push({ data: submitInput(this.name, first + inputs.length), timeout });
    }
    return { lane: this.lane ?? 0, first: BigInt(first), follow, inputs };
  }

  #sent(number: number): void {
    const item = this.#items[number - 1];
    if (item === undefined) return;
    item.firstLane ??= this.#laneMark;
    item.sent++;
    if (item.follow) item.asked = true;
  }

  #answered(number: number): Item {
    const item = this.#items[number - 1];
    if (item === undefined || ++item.answered > item.sent)
      throw new Violation(
        `${this.#nameOf(number)} was sent ${item?.sent ?? 0} times and is answered once more`,
      );
    return item;
  }

  #nameOf(number: number): string {
    return `submit ${number} of ${this.name} to ${this.sessionId}`;
  }
}

function isAnswered({ task, refused }: Item): boolean {
  return task !== undefined || refused === true;
}
