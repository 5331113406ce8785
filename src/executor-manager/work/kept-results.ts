import type { Completion, HeldLease } from "../../protocol/generated/flame/stream/v1/nodes.ts";
import type { WorkLoad } from "./work-load.ts";

/** A task that has ended, until its result is acknowledged. */
interface Ended extends HeldLease {
  readonly completion: Completion;
}

/** The results of one executor that were not acknowledged, in their order. */
export class KeptResults {
  readonly #load: WorkLoad;
  readonly #byLease = new Map<string, Ended>();

  constructor(load: WorkLoad) {
    this.#load = load;
  }

  get size(): number {
    return this.#byLease.size;
  }

  /** For a stream that opens. */
  get completions(): Completion[] {
    return Array.from(this.#byLease.values(), ({ completion }) => completion);
  }

  get leases(): Iterable<HeldLease> {
    return this.#byLease.values();
  }

  has(lease: string): boolean {
    return this.#byLease.has(lease);
  }

  keep({ lease, sessionId, taskId }: HeldLease, completion: Completion): void {
    this.#byLease.set(lease, { lease, sessionId, taskId, completion });
    this.#load.result(size(completion));
  }

  /** @returns whether it was there */
  forget(lease: string): boolean {
    const result = this.#byLease.get(lease);
    if (result === undefined) return false;
    this.#byLease.delete(lease);
    this.#load.result(-size(result.completion));
    return true;
  }

  /** Puts another result in its place. */
  replace(lease: string, completion: Completion): void {
    const result = this.#byLease.get(lease);
    if (result === undefined) return;
    this.#load.result(size(completion) - size(result.completion));
    this.#byLease.set(lease, { ...result, completion });
  }

  clear(): void {
    for (const { completion } of this.#byLease.values()) this.#load.result(-size(completion));
    this.#byLease.clear();
  }
}

const size = ({ output }: Completion): number => output?.length ?? 0;
