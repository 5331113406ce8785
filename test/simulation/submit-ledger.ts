import type { Change } from "../../src/model/change.ts";
import type { SubmitRange } from "../../src/model/submits.ts";
import { Violation } from "./world.ts";

interface Producer {
  /** Ascending. */
  readonly ranges: SubmitRange[];
  /** Number -> task, as the inputs of the tasks say. */
  readonly made: Map<number, number>;
}

/** The input of a submit, which names it; those of CreateTask have no `#`. */
export function submitInput(producer: string, number: number): Buffer {
  return Buffer.from(`${producer}#${number}`);
}

/**
 * What producers have submitted, as it is on disk: each task says in its input which submit it is of, and the ranges that
 * are written beside it must say the same.
 */
export class SubmitLedger {
  readonly #sessions = new Map<string, Map<string, Producer>>();
  /** Tasks of the commit that is being followed. */
  #fresh: { readonly sessionId: string; readonly producer: string; readonly number: number }[] = [];

  apply(change: Change): void {
    if (change.kind === "session.delete") this.#sessions.delete(change.id);
    else if (change.kind === "submits.put") this.#put(change.range);
    else if (change.kind === "task.put" && change.input !== undefined) {
      const { sessionId, id } = change.record;
      const [, producer, number] = /^(.+)#(\d+)$/.exec(change.input.toString()) ?? [];
      if (producer !== undefined && number !== undefined)
        this.#made(sessionId, producer, Number(number), id);
    }
  }

  /** All changes of a commit were followed: whatever became a task must be found under its number. */
  committed(): void {
    for (const { sessionId, producer, number } of this.#fresh) {
      if (!this.#sessions.has(sessionId)) continue;
      const task = this.#find(sessionId, producer)?.made.get(number);
      const said = this.taskOf(sessionId, producer, number);
      if (said !== task)
        throw new Violation(
          `submit ${number} of ${producer} to ${sessionId} is task ${task ?? 0}, its range says ${said ?? 0}`,
        );
    }
    this.#fresh = [];
  }

  /** The task of a submit; undefined: it is none. */
  taskOf(sessionId: string, producer: string, number: number): number | undefined {
    const ranges = this.#find(sessionId, producer)?.ranges ?? [];
    const range = ranges.find(({ first, count }) => number >= first && number < first + count);
    if (range === undefined || range.firstTask === 0) return undefined;
    return range.firstTask + number - range.first;
  }

  /** Whether some task says that it is of this submit. */
  isTask(sessionId: string, producer: string, number: number): boolean {
    return this.#find(sessionId, producer)?.made.has(number) === true;
  }

  /** Whether the session, and not an earlier one of its id, has submits of the producer. */
  knows(sessionId: string, producer: string): boolean {
    return this.#find(sessionId, producer) !== undefined;
  }

  /** As lines, to be compared. */
  lines(sessionId: string): string[] {
    const producers = [...(this.#sessions.get(sessionId)?.values() ?? [])];
    return producers.flatMap(({ ranges }) => ranges.map(rangeText)).sort();
  }

  /** Who has submitted to the session. */
  producers(sessionId: string): string[] {
    return [...(this.#sessions.get(sessionId)?.keys() ?? [])];
  }

  #find(sessionId: string, producer: string): Producer | undefined {
    return this.#sessions.get(sessionId)?.get(producer);
  }

  #of(sessionId: string, name: string): Producer {
    const producers = this.#sessions.get(sessionId) ?? new Map<string, Producer>();
    this.#sessions.set(sessionId, producers);
    const producer = producers.get(name) ?? { ranges: [], made: new Map<number, number>() };
    producers.set(name, producer);
    return producer;
  }

  #made(sessionId: string, name: string, number: number, task: number): void {
    const { made } = this.#of(sessionId, name);
    const before = made.get(number);
    if (before !== undefined)
      throw new Violation(
        `submit ${number} of ${name} to ${sessionId} is task ${before} and became ${task} as well`,
      );
    made.set(number, task);
    this.#fresh.push({ sessionId, producer: name, number });
  }

  /** A range follows the one before without a gap, and stands alone only where it cannot be one with it. */
  #put(range: SubmitRange): void {
    const { ranges } = this.#of(range.sessionId, range.producer);
    const text = rangeText(range);
    const last = ranges.at(-1);
    if (last?.first === range.first) {
      if (range.count <= last.count || range.firstTask !== last.firstTask)
        throw new Violation(`${rangeText(last)} was written, and then ${text}`);
      ranges.pop();
    }
    const before = ranges.at(-1);
    const next = before === undefined ? 1 : before.first + before.count;
    if (range.first !== next) throw new Violation(`${text} was written, number ${next} comes next`);
    const isOne =
      before !== undefined &&
      (before.firstTask === 0
        ? range.firstTask === 0
        : range.firstTask === before.firstTask + before.count);
    if (isOne) throw new Violation(`${text} was written and is one with ${rangeText(before)}`);
    ranges.push(range);
  }
}

export function rangeText({ sessionId, producer, first, count, firstTask }: SubmitRange): string {
  return `submits ${sessionId} ${producer} ${first}+${count} are ${firstTask === 0 ? "refused" : `tasks from ${firstTask}`}`;
}
