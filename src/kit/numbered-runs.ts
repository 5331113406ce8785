interface Run {
  first: number;
  count: number;
  /** What the first stands for. */
  value: number;
}

/**
 * Numbers, and for each one another number that it stands for; what grows together is kept as one run, so a million that
 * follow one another take no more room than one does.
 */
export class NumberedRuns {
  readonly #runs: Run[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Numbers that are not in it yet; `first` stands for `value`, the next one for the next value. */
  add(first: number, count: number, value: number): void {
    const runs = this.#runs;
    const at = this.#lastAt(first) + 1;
    this.#size += count;
    const before = runs[at - 1];
    const after = runs[at];
    const joinsAfter = after?.first === first + count && after.value === value + count;
    if (
      before !== undefined &&
      before.first + before.count === first &&
      before.value + before.count === value
    ) {
      before.count += count;
      if (!joinsAfter) return;
      before.count += after.count;
      runs.splice(at, 1);
    } else if (joinsAfter) {
      after.first = first;
      after.value = value;
      after.count += count;
    } else runs.splice(at, 0, { first, count, value });
  }

  has(number: number): boolean {
    return this.valueOf(number) !== undefined;
  }

  /** What a number stands for; undefined when it is not in it. */
  valueOf(number: number): number | undefined {
    const run = this.#runs[this.#lastAt(number)];
    return run === undefined || number >= run.first + run.count
      ? undefined
      : run.value + number - run.first;
  }

  /** Whether some number stands for `value`; only where values grow with numbers. */
  hasValue(value: number): boolean {
    const run = this.#runs[lastHolding(this.#runs, (one) => one.value <= value)];
    return run !== undefined && value < run.value + run.count;
  }

  /** @returns whether it was in it */
  remove(number: number): boolean {
    return this.take(number) !== undefined;
  }

  /** Removes a number. @returns what it stood for; undefined: it was not in it */
  take(number: number): number | undefined {
    const at = this.#lastAt(number);
    const run = this.#runs[at];
    if (run === undefined) return undefined;
    const offset = number - run.first;
    const behind = run.count - 1 - offset;
    if (behind < 0) return undefined;
    const value = run.value + offset;
    this.#size--;
    if (offset > 0) {
      run.count = offset;
      if (behind > 0)
        this.#runs.splice(at + 1, 0, { first: number + 1, count: behind, value: value + 1 });
    } else if (behind > 0) {
      run.first++;
      run.value++;
      run.count--;
    } else if (at === 0) this.#runs.shift();
    else this.#runs.splice(at, 1);
    return value;
  }

  /** Removes the lowest number. */
  shift(): { readonly number: number; readonly value: number } | undefined {
    const run = this.#runs[0];
    if (run === undefined) return undefined;
    const number = run.first;
    return { number, value: this.take(number) ?? run.value };
  }

  /** The runs, ascending. */
  runs(): readonly Readonly<Run>[] {
    return this.#runs;
  }

  #lastAt(number: number): number {
    const runs = this.#runs;
    const last = runs.length - 1;
    // What grows and what is taken in turn is at one of the ends.
    const second = runs[1];
    if (last >= 0 && number >= (runs[last]?.first ?? 0)) return last;
    if (second !== undefined && number < second.first)
      return number < (runs[0]?.first ?? 0) ? -1 : 0;
    return lastHolding(runs, (run) => run.first <= number);
  }
}

/** The last place for which `holds`, which holds for all before it; -1: none. */
function lastHolding(runs: readonly Run[], holds: (run: Run) => boolean): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const run = runs[middle];
    if (run !== undefined && holds(run)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
