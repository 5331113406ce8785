import type { SubmitJob } from "./submit-job.ts";
import type { TaskCreation, TaskEnd } from "./task-end.ts";

/** Inputs that one job may have. */
const indices = 2 ** 32;

/**
 * The jobs of a lane. A place is one input of one of them, written as one number: those of a job follow one another, so that
 * many of them are one run.
 */
export class LaneJobs {
  /** By slot; a slot is used again when its job is over. */
  readonly #jobs: (SubmitJob | undefined)[] = [];
  readonly #slots = new Map<SubmitJob, number>();
  /** Those that may have inputs left, each in turn. */
  #waiting: SubmitJob[] = [];

  /** Whether there may be inputs left. */
  get hasMore(): boolean {
    return this.#waiting.length > 0;
  }

  /** The job has inputs. */
  enter(job: SubmitJob): void {
    if (!this.#slots.has(job)) {
      const free = this.#jobs.indexOf(undefined);
      const slot = free === -1 ? this.#jobs.length : free;
      this.#jobs[slot] = job;
      this.#slots.set(job, slot);
    }
    if (!this.#waiting.includes(job)) this.#waiting.push(job);
  }

  /** A job that went on to its next input; undefined: none is left. */
  next(): SubmitJob | undefined {
    for (;;) {
      const job = this.#waiting[0];
      if (job === undefined) return undefined;
      if (job.next()) return job;
      this.#waiting.shift();
      this.letGo(job);
    }
  }

  /** Lets the next job have its turn. */
  rotate(): void {
    const first = this.#waiting.shift();
    if (first !== undefined) this.#waiting.push(first);
  }

  placeOf(job: SubmitJob, index: number): number {
    return (this.#slots.get(job) ?? 0) * indices + (index % indices);
  }

  of(place: number): SubmitJob {
    const job = this.#jobs[Math.floor(place / indices)];
    if (job === undefined) throw new Error(`no job has place ${place}: this is a fault of the SDK`);
    return job;
  }

  locate(place: number): { readonly job: SubmitJob; readonly index: number } {
    return { job: this.of(place), index: place % indices };
  }

  timeoutMsOf(place: number): number | undefined {
    return this.of(place).timeoutMsOf(place % indices);
  }

  created(place: number, taskId: number): void {
    this.of(place).created?.(place % indices, taskId);
  }

  end(place: number, end: TaskEnd | TaskCreation): void {
    const job = this.of(place);
    job.end(place % indices, end);
    if (job.isOver) this.letGo(job);
  }

  /** Those that may have inputs left, which are not asked any more. */
  takeWaiting(): readonly SubmitJob[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#jobs.length = 0;
    this.#slots.clear();
    return waiting;
  }

  /** Forgets the job if it is over. */
  letGo(job: SubmitJob): void {
    if (!job.isOver) return;
    const slot = this.#slots.get(job);
    if (slot === undefined) return;
    this.#slots.delete(job);
    this.#jobs[slot] = undefined;
  }
}
