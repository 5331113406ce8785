import type { StreamToken } from "../kit/turn.ts";
import type { SubmitRange } from "../model/submits.ts";
import type { TaskRecord } from "../model/task.ts";

/** A task of a producer that has ended. */
export interface EndedSubmit {
  readonly number: number;
  readonly task: TaskRecord;
}

/** As {@link SubmitRange}; the last one of its producer grows. */
interface GrowingRange {
  readonly first: number;
  readonly firstTask: number;
  count: number;
}

interface Producer {
  readonly name: string;
  readonly ranges: GrowingRange[];
  /** The stream that hears how its tasks end. */
  stream: StreamToken<EndedSubmit> | undefined;
}

/**
 * Which submits of an open session became which tasks. Numbers of a producer have no gaps, and ids only grow, so all of
 * this is ranges, and one of each producer as long as it is alone.
 */
export class SubmitBook {
  readonly #producers = new Map<string, Producer>();
  /** Those that became tasks, by id. */
  readonly #byTask: { readonly range: GrowingRange; readonly producer: Producer }[] = [];

  /** Takes stored ranges in; those of each producer ascending. */
  restore(ranges: readonly SubmitRange[]): void {
    for (const { producer, first, firstTask, count } of ranges)
      this.#add(this.#producerOf(producer), { first, firstTask, count });
    this.#byTask.sort((a, b) => a.range.firstTask - b.range.firstTask);
  }

  /** The highest number that the producer has used; 0: none. */
  highest(producer: string): number {
    const last = this.#producers.get(producer)?.ranges.at(-1);
    return last === undefined ? 0 : last.first + last.count - 1;
  }

  /** The range that has a number which is used; undefined for any other. */
  rangeOf(producer: string, number: number): Readonly<GrowingRange> | undefined {
    const ranges = this.#producers.get(producer)?.ranges ?? [];
    const range = ranges[lastAt(ranges.length, (at) => (ranges[at]?.first ?? 0) <= number)];
    return range !== undefined && number < range.first + range.count ? range : undefined;
  }

  /** The task that a number became; undefined when it was refused, or is not used yet. */
  taskOf(producer: string, number: number): number | undefined {
    const range = this.rangeOf(producer, number);
    if (range === undefined || range.firstTask === 0) return undefined;
    return range.firstTask + number - range.first;
  }

  /**
   * The next number of the producer became a task, or was refused.
   * @param task 0: refused
   * @returns the range that it is in now
   */
  use(name: string, number: number, task: number): Readonly<GrowingRange> {
    const producer = this.#producerOf(name);
    const last = producer.ranges.at(-1);
    const expected = last === undefined || last.firstTask === 0 ? 0 : last.firstTask + last.count;
    if (last !== undefined && task === expected && (task > 0 || last.firstTask === 0)) {
      last.count++;
      return last;
    }
    const range = { first: number, firstTask: task, count: 1 };
    this.#add(producer, range);
    return range;
  }

  /** From now on this stream hears how the producer's tasks end. @returns the one that heard it before */
  follow(name: string, stream: StreamToken<EndedSubmit>): StreamToken<EndedSubmit> | undefined {
    const producer = this.#producerOf(name);
    const before = producer.stream;
    producer.stream = stream;
    return before;
  }

  /** The stream is gone. */
  unfollow(name: string, stream: number): void {
    const producer = this.#producers.get(name);
    if (producer?.stream !== stream) return;
    producer.stream = undefined;
    if (producer.ranges.length === 0) this.#producers.delete(name);
  }

  /** Who hears how the task ends, and under which number; undefined: nobody. */
  listenerOf(
    task: number,
  ): { readonly stream: StreamToken<EndedSubmit>; readonly number: number } | undefined {
    const all = this.#byTask;
    const found = all[lastAt(all.length, (at) => (all[at]?.range.firstTask ?? 0) <= task)];
    if (found?.producer.stream === undefined) return undefined;
    const { first, firstTask, count } = found.range;
    if (task >= firstTask + count) return undefined;
    return { stream: found.producer.stream, number: first + task - firstTask };
  }

  #producerOf(name: string): Producer {
    const known = this.#producers.get(name);
    if (known !== undefined) return known;
    const producer: Producer = { name, ranges: [], stream: undefined };
    this.#producers.set(name, producer);
    return producer;
  }

  #add(producer: Producer, range: GrowingRange): void {
    producer.ranges.push(range);
    if (range.firstTask > 0) this.#byTask.push({ range, producer });
  }
}

/** The last place for which `holds`, which holds for all before it; -1: none. */
function lastAt(length: number, holds: (at: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
