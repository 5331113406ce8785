import type { RoundReport } from "./round.ts";

/** A round takes some ten seconds to some minutes; this is for those in which something hangs. */
export const roundDeadlineMs = 600_000;

/**
 * The seeds of a run: `npm test` strikes at the same points for everybody; who asks for a number of rounds gets others
 * each time.
 * @param asked the number of rounds, as a text; undefined: `usual`
 */
export function seedsOf(asked: string | undefined, usual: number): readonly number[] {
  const usualSeed = asked === undefined ? 1 : Math.floor(Math.random() * 1_000_000);
  const first = Number(process.env["FLAME_FAULT_SEED"] ?? usualSeed);
  return Array.from({ length: Number(asked ?? usual) }, (_, nth) => first + nth);
}

/** Shown whether tests pass or fail: the seed is all that replays a round. */
export function tell(line: string): void {
  process.stderr.write(`fault rounds: ${line}\n`);
}

export function describeRound({ seed, tasks, faults, recovered, settled }: RoundReport): string {
  const times = `recovered in ${recovered.toFixed(1)} s, settled in ${settled.toFixed(1)} s`;
  return `seed ${seed}: ${tasks} tasks, ${times}; ${faults.join(", ")}`;
}
