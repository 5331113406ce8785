import { randomId } from "../kit/ids.ts";
import { NumberedRuns } from "../kit/numbered-runs.ts";
import { FlameError } from "../model/errors.ts";
import { payloadBytesMax } from "../model/limits.ts";
import type {
  SubmitAcknowledgement,
  SubmitRefusal,
} from "../protocol/generated/flame/stream/v1/clients.ts";
import type { IncomingResult } from "../protocol/incoming-results.ts";
import { LaneJobs } from "./lane-jobs.ts";
import type { Limiter } from "./limiter.ts";
import type { OutgoingBatch } from "./outgoing-batch.ts";
import { PutOff, type PutOffOptions } from "./put-off.ts";
import { codeOfStatus } from "./rpc-error.ts";
import type { SendWindow } from "./send-window.ts";
import { StreamedEnd } from "./stream-result.ts";
import { type Input, type OneRun, SingleInputs, type SubmitJob } from "./submit-job.ts";
import { unacknowledged } from "./task-end.ts";
import type { Task } from "./types.ts";
import { UnacknowledgedInputs } from "./unacknowledged-inputs.ts";
import type { UnaryTasks } from "./unary-tasks.ts";

/** While a server refuses for now, no more than this is tried at once. */
const cautiousMax = 64;
/** Inputs that are too large for a stream and under way by CreateTask, at most. */
const asideMax = 4;
/** Numbers that one Follow may name. */
const followMax = 10_000;

/** The stream that a lane is on. */
export interface LaneHost {
  readonly window: SendWindow;
  /** The lane has something to send. */
  ready(lane: SubmitLane): void;
  /** The lane can send nothing for so long, in milliseconds. */
  pause(lane: SubmitLane, pauseMs: number): void;
  /** Results are done with: as many more may come. */
  giveCredit(results: number, bytes: number): void;
}

export interface LaneDeps extends PutOffOptions {
  readonly unary: UnaryTasks;
  /** Fetches of outputs that are too large for a stream. */
  readonly fetches: Limiter;
  /** Gives the lane a stream. */
  readonly attach: (lane: SubmitLane) => LaneHost;
}

/** What was handed in and has not ended. */
interface Open {
  readonly job: SubmitJob;
  readonly index: number;
  readonly input: Input;
  /** Present: it is that task. */
  readonly taskId?: number;
  /** `doubtful`: on a stream that is gone. */
  readonly was: "acknowledged" | "sent" | "doubtful" | "unsent";
}

/**
 * What one handle of a session submits, numbered one after the other, and the results of it (docs/protocol.md, "Streams of
 * clients"). It outlives streams: on a new one it sends again what was not acknowledged, and asks for what is missing.
 */
export class SubmitLane {
  readonly sessionId: string;
  readonly #deps: LaneDeps;
  readonly #putOff: PutOff;
  readonly #singles = new SingleInputs();
  readonly #jobs = new LaneJobs();
  #host: LaneHost | undefined;
  /** Its number on the stream; undefined while it is not open there. */
  #wire: number | undefined;
  #producer = randomId();
  #highest = 0;
  #unacked = new UnacknowledgedInputs(1);
  /** The highest number that was sent on this stream, or need not be. */
  #sentThrough = 0;
  /** The highest number that was sent on a stream which is gone. */
  #doubtfulThrough = 0;
  /** Which input each number is that has not ended, as {@link LaneJobs} writes it. */
  #places = new NumberedRuns();
  /** The tasks of those that are acknowledged, and whose results are wanted. */
  #tasks = new NumberedRuns();
  /** What was refused for now: it comes first. */
  #again: { readonly place: number; readonly input: Input }[] = [];
  #toFollow: { readonly first: number; readonly count: number }[] = [];
  #paused = false;
  #aside = 0;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
    this.sessionId = deps.unary.sessionId;
    this.#putOff = new PutOff(deps);
    this.#jobs.enter(this.#singles);
  }

  /** Whether it needs no stream. */
  get isIdle(): boolean {
    return this.#places.size + this.#again.length === 0 && !this.#jobs.hasMore;
  }

  /** @throws FlameError when the client is closed */
  add(job: SubmitJob): void {
    this.#host ??= this.#deps.attach(this);
    this.#jobs.enter(job);
    this.#wake();
  }

  /** @throws FlameError when no task came of it, or its end was not seen */
  async run(input: Input, one: OneRun = {}): Promise<Task> {
    this.#host ??= this.#deps.attach(this);
    const task = this.#singles.run(input, one);
    this.#jobs.enter(this.#singles);
    this.#wake();
    return task;
  }

  #wake(): void {
    this.#host ??= this.#deps.attach(this);
    if (!this.#paused) this.#host.ready(this);
  }

  /** The stream is gone, or this lane of it; what it sent may have arrived. */
  lost(): void {
    this.#wire = undefined;
    this.#doubtfulThrough = Math.max(this.#doubtfulThrough, this.#sentThrough);
    this.#sentThrough = 0;
    this.#toFollow = [];
  }

  /** It needs its stream no more. */
  leave(): void {
    this.lost();
    this.#host = undefined;
  }

  /** The pause is over. */
  goOn(): void {
    this.#paused = false;
    this.#host?.ready(this);
  }

  /**
   * Puts what it has to send into a message.
   * @param freeWire a number for the lane if it is not open on this stream
   * @returns its number there
   */
  fill(batch: OutgoingBatch, freeWire: number, quota: number): number {
    if (this.#wire === undefined) this.#open(batch, freeWire);
    const wire = this.#wire ?? freeWire;
    let left = quota;
    for (; this.#sentThrough < this.#highest && left > 0 && !batch.isFull; this.#sentThrough++) {
      const number = this.#sentThrough + 1;
      if (!this.#unacked.has(number)) continue;
      left--;
      const place = this.#places.valueOf(number) ?? 0;
      this.#put(batch, wire, number, place, this.#unacked.inputOf(number));
    }
    if (this.#sentThrough < this.#highest) return wire;
    if (!batch.isFull) {
      const next = this.#toFollow.shift();
      if (next !== undefined) batch.follow(wire, next.first, next.count);
    }
    for (; left > 0 && !batch.isFull && this.#mayGoOn && this.#submitNext(batch, wire); left--);
    return wire;
  }

  /** Whether {@link fill} has left something, which may have to wait for acknowledgements. */
  get hasMore(): boolean {
    if (this.#sentThrough < this.#highest || this.#toFollow.length > 0) return true;
    return !this.#paused && (this.#again.length > 0 || this.#jobs.hasMore);
  }

  #open(batch: OutgoingBatch, wire: number): void {
    this.#wire = wire;
    batch.open(wire, this.sessionId, this.#producer);
    this.#sentThrough = this.#unacked.lowest - 1;
    this.#toFollow = [];
    for (const { first, count } of this.#tasks.runs())
      for (let at = 0; at < count; at += followMax)
        this.#toFollow.push({ first: first + at, count: Math.min(followMax, count - at) });
  }

  get #mayGoOn(): boolean {
    if (this.#paused || this.#aside >= asideMax) return false;
    if (this.#putOff.isRefused && this.#unacked.size >= cautiousMax) return false;
    return this.#host?.window.hasRoom === true;
  }

  #submitNext(batch: OutgoingBatch, wire: number): boolean {
    const again = this.#again.shift();
    if (again !== undefined) {
      this.#submit(batch, wire, again.place, again.input);
      return true;
    }
    const job = this.#jobs.next();
    if (job === undefined) return false;
    const { input, index } = job;
    if ((input?.length ?? 0) > payloadBytesMax) this.#createAside(job, index, input);
    else this.#submit(batch, wire, this.#jobs.placeOf(job, index), input);
    return true;
  }

  #submit(batch: OutgoingBatch, wire: number, place: number, input: Input): void {
    const number = ++this.#highest;
    this.#sentThrough = number;
    this.#places.add(number, 1, place);
    this.#unacked.add(input);
    this.#host?.window.take(input?.length ?? 0);
    this.#put(batch, wire, number, place, input);
  }

  #put(batch: OutgoingBatch, wire: number, number: number, place: number, input: Input): void {
    const { follow } = this.#jobs.of(place);
    batch.input(wire, number, follow, input, this.#jobs.timeoutMsOf(place));
  }

  /** An input that may end the stream for its size: CreateTask says what is to be said of it. */
  #createAside(job: SubmitJob, index: number, input: Input): void {
    this.#aside++;
    void this.#deps.unary.create(job, index, input).then(() => {
      this.#aside--;
      this.#jobs.letGo(job);
      this.#wake();
    });
  }

  acknowledge({ first: wireFirst, count, firstTask: wireTask }: SubmitAcknowledgement): void {
    const first = Number(wireFirst);
    const firstTask = Number(wireTask);
    this.#putOff.accepted();
    for (let at = 0; at < count; at++) {
      const number = first + at;
      if (!this.#settle(number)) continue;
      const place = this.#places.valueOf(number) ?? 0;
      const job = this.#jobs.of(place);
      if (job.follow) {
        this.#tasks.add(number, 1, firstTask + at);
        this.#jobs.created(place, firstTask + at);
        continue;
      }
      this.#places.remove(number);
      const taskId = String(firstTask + at);
      this.#jobs.end(place, { kind: "created", taskId });
    }
  }

  #settle(number: number): boolean {
    const bytes = this.#unacked.bytes;
    if (!this.#unacked.settle(number)) return false;
    this.#host?.window.giveBack(1, bytes - this.#unacked.bytes);
    return true;
  }

  refuse({ first, count, code, message, retryAfter }: SubmitRefusal): void {
    const retry = retryAfter === undefined ? {} : { retryAfterMs: retryAfter };
    const error = new FlameError(codeOfStatus(code), message, retry);
    for (let number = Number(first); number < Number(first) + count; number++) {
      if (!this.#unacked.has(number)) continue;
      const input = this.#unacked.inputOf(number);
      this.#settle(number);
      const place = this.#places.take(number) ?? 0;
      if (retryAfter === undefined) this.#jobs.end(place, { kind: "refused", error });
      else this.#again.push({ place, input });
    }
    if (retryAfter !== undefined) this.#comeAgain(error);
  }

  #comeAgain(refusal: FlameError): void {
    if (this.#paused || this.#again.length === 0) return;
    const pauseMs = this.#putOff.refused(refusal);
    if (pauseMs === undefined) {
      const given = this.#again;
      this.#again = [];
      for (const { place } of given) this.#jobs.end(place, { kind: "refused", error: refusal });
    } else if (pauseMs > 0) this.pause(pauseMs);
    else this.#wake();
  }

  /** Nothing new leaves for so long, in milliseconds. */
  pause(pauseMs: number): void {
    this.#paused = true;
    this.#host?.pause(this, pauseMs);
  }

  /** @returns whether the server may send another one in its place now; else it is told so later */
  result(number: number, result: IncomingResult): boolean {
    const taskId = this.#tasks.take(number);
    // On a new stream some come again that came before.
    if (taskId === undefined) return true;
    const place = this.#places.take(number) ?? 0;
    if (result.lost !== undefined) {
      const error = new FlameError("not_found", result.lost);
      this.#jobs.end(place, { kind: "lost", taskId: String(taskId), error });
      return true;
    }
    if (result.elsewhere) {
      this.#fetch(place, String(taskId));
      return false;
    }
    this.#jobs.end(place, new StreamedEnd(this.sessionId, taskId, result));
    return true;
  }

  #fetch(place: number, taskId: string): void {
    const { job, index } = this.#jobs.locate(place);
    const host = this.#host;
    void this.#deps.fetches
      .run(() => this.#deps.unary.watch(job, index, taskId))
      .then(() => {
        this.#jobs.letGo(job);
        host?.giveCredit(1, 0);
      });
  }

  /** Nothing more comes of it. @param wereSent what was sent and not acknowledged is no task, or may be one */
  fail(error: FlameError, wereSent: "refused" | "unacknowledged"): void {
    const { open, jobs } = this.#takeAll();
    for (const { job, index, taskId, was } of open)
      if (taskId !== undefined) job.end(index, { kind: "lost", taskId: String(taskId), error });
      else if (was === "unsent" || wereSent === "refused")
        job.end(index, { kind: "refused", error });
      else job.end(index, this.#unacknowledged(error));
    for (const job of jobs) job.stop(error);
  }

  /** The session manager does not have the service: everything goes on with one call for each task. */
  handOver(error: FlameError): void {
    const { unary } = this.#deps;
    const { open, jobs } = this.#takeAll();
    for (const { job, index, taskId, was, input } of open)
      if (taskId !== undefined) void unary.watch(job, index, String(taskId));
      else if (was === "doubtful") job.end(index, this.#unacknowledged(error));
      else void unary.create(job, index, input);
    for (const job of jobs) unary.drain(job);
  }

  #unacknowledged(error: FlameError): {
    readonly kind: "unacknowledged";
    readonly error: FlameError;
  } {
    return { kind: "unacknowledged", error: unacknowledged(this.sessionId, error) };
  }

  /** Everything that has not ended; the lane is as new then. */
  #takeAll(): { readonly open: readonly Open[]; readonly jobs: readonly SubmitJob[] } {
    const open: Open[] = [];
    for (const { first, count, value } of this.#places.runs())
      for (let at = 0; at < count; at++) open.push(this.#openOf(first + at, value + at));
    for (const { place, input } of this.#again)
      open.push({ ...this.#jobs.locate(place), input, was: "unsent" });
    const jobs = this.#jobs.takeWaiting();
    this.#host?.window.giveBack(this.#unacked.size, this.#unacked.bytes);
    this.leave();
    this.#producer = randomId();
    this.#highest = 0;
    this.#doubtfulThrough = 0;
    this.#unacked = new UnacknowledgedInputs(1);
    this.#places = new NumberedRuns();
    this.#tasks = new NumberedRuns();
    this.#again = [];
    this.#paused = false;
    return { open, jobs };
  }

  #openOf(number: number, place: number): Open {
    const taskId = this.#tasks.valueOf(number);
    const one = { ...this.#jobs.locate(place), input: this.#unacked.inputOf(number) };
    if (taskId !== undefined) return { ...one, taskId, was: "acknowledged" };
    return { ...one, was: number <= this.#doubtfulThrough ? "doubtful" : "sent" };
  }
}
