import type { Command } from "../../core/commands.ts";
import type { Token } from "../../kit/turn.ts";
import type { Change } from "../../model/change.ts";
import type { FlameTurn } from "../../model/flame-turn.ts";
import { ShownChanges } from "./shown-changes.ts";

/** Turns are gathered for one commit until they have this many changes, or bytes of payloads: all of it is in memory. */
const gatheredChangesMax = 4_000;
const gatheredBytesMax = 16 * 1024 * 1024;

/** What leaves when a turn is durable. */
export type Leaving = Pick<FlameTurn, "effects"> & {
  /** What could have left early and did not; it goes first. */
  readonly late: FlameTurn["early"];
};

/** Turns that one commit makes durable. */
class Batch {
  readonly changes: Change[] = [];
  readonly leaving: Leaving[] = [];
  readonly shown = new ShownChanges();
  /** Streams on which ordered messages wait for it. */
  readonly ordered = new Set<Token>();
  payloadBytes = 0;

  add(changes: readonly Change[]): void {
    for (const change of changes) {
      this.changes.push(change);
      this.shown.add(change);
      if (change.kind === "task.put")
        this.payloadBytes += (change.input?.length ?? 0) + (change.output?.length ?? 0);
    }
  }
}

/**
 * Turns that were carried out and are not durable: those of the commit under way, and those gathered for the next one. What
 * they have to say waits here, and so does whatever would show it.
 */
export class UnsettledTurns {
  #underWay: Batch | undefined;
  #gathered = new Batch();

  /** A commit is under way. */
  get committing(): boolean {
    return this.#underWay !== undefined;
  }

  /** Nothing waits for the disk. */
  get none(): boolean {
    return this.#last === undefined;
  }

  /** No further turn is carried out before the commit under way is done. */
  get full(): boolean {
    const { changes, payloadBytes } = this.#gathered;
    return changes.length >= gatheredChangesMax || payloadBytes >= gatheredBytesMax;
  }

  /** Whether ordered messages of the stream wait: later ones must not go before them. */
  hasOrdered(stream: Token): boolean {
    return this.#gathered.ordered.has(stream) || this.#underWay?.ordered.has(stream) === true;
  }

  /**
   * Takes a turn that was just carried out.
   * @param late what could have left early and did not
   * @returns false: it changes nothing, and nothing before it waits, so what it has to say may leave at once
   */
  add(turn: FlameTurn, late: FlameTurn["early"]): boolean {
    if (turn.changes.length > 0) this.#gathered.add(turn.changes);
    const batch = this.#last;
    if (batch === undefined) return false;
    batch.leaving.push({ late, effects: turn.effects });
    for (const { to } of late) batch.ordered.add(to);
    for (const to of turn.waiting) batch.ordered.add(to);
    return true;
  }

  /**
   * Takes what a turn of commands that only look has to say, when it may show what is not durable.
   * @param command whom it answers; undefined: nobody, so that it goes behind all that waits
   * @returns false: it shows nothing of that, and may leave at once
   */
  addAnswer(command: Command | undefined, effect: FlameTurn["effects"][number]): boolean {
    const batch =
      command === undefined
        ? this.#last
        : [this.#gathered, this.#underWay].find((one) => one?.shown.by(command) === true);
    batch?.leaving.push({ late: [], effects: [effect] });
    return batch !== undefined;
  }

  /** @returns the changes of the next commit, which is under way now; undefined: there are none, or one is under way */
  begin(): readonly Change[] | undefined {
    if (this.#underWay !== undefined || this.#gathered.changes.length === 0) return undefined;
    this.#underWay = this.#gathered;
    this.#gathered = new Batch();
    return this.#underWay.changes;
  }

  /** The commit under way is done. @returns what leaves now, in the order of the turns */
  settle(): readonly Leaving[] {
    const leaving = this.#underWay?.leaving ?? [];
    this.#underWay = undefined;
    return leaving;
  }

  /** The commit under way has failed: nothing of it, nor of what came after it, has happened. */
  drop(): void {
    this.#underWay = undefined;
    this.#gathered = new Batch();
  }

  /** What whoever comes now has to wait for. */
  get #last(): Batch | undefined {
    return this.#gathered.changes.length > 0 ? this.#gathered : this.#underWay;
  }
}
