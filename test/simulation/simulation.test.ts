import { status } from "@grpc/grpc-js";
import { describe, expect, it, jest } from "@jest/globals";
import { earlyCommits, seedsOfOneRound } from "./scenario.ts";
import { type Outcome, simulate } from "./simulation.ts";

const firstSeed = Number(process.env["FLAME_SIM_SEED"] ?? 1);
const seeds = Number(process.env["FLAME_SIM_SEEDS"] ?? 1000);

// A thousand seeds took 900 s on a very busy machine, and 330 s of a processor: the limit only ends what hangs.
jest.setTimeout(2_400_000);

describe("the session manager's machine in virtual time", () => {
  const outcomes: Outcome[] = [];

  it(`keeps its promises through lost, late and repeated messages, crashes and restarts: ${seeds} seeds from ${firstSeed}`, async () => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      try {
        outcomes.push(await simulate(seed));
      } catch (cause) {
        const replay = `FLAME_SIM_SEED=${seed} FLAME_SIM_SEEDS=1 npm run test:simulation`;
        throw new Error(`seed ${seed}: ${(cause as Error).message}\n--- replay ---\n${replay}`);
      }
    }
    expect(outcomes).toHaveLength(seeds);
  });

  it("sees running tasks cancelled, timed out and given up, deadlines pass, and finished ones forgotten", () => {
    const sum = (of: (outcome: Outcome) => number): number =>
      outcomes.reduce((total, outcome) => total + of(outcome), 0);
    for (const of of [
      (outcome: Outcome) => outcome.cancelled,
      (outcome: Outcome) => outcome.timedOut,
      (outcome: Outcome) => outcome.late.waiting,
      (outcome: Outcome) => outcome.late.running,
      (outcome: Outcome) => outcome.exhausted,
      (outcome: Outcome) => outcome.forgotten,
    ])
      expect(seeds < 50 || sum(of) > 0).toBe(true);
  });

  it("sees submits sent again, refused, lanes ended, results delivered again and lost", () => {
    const tallies = outcomes.map(({ submits }) => submits);
    const sum = (of: (tally: Outcome["submits"]) => number): number =>
      tallies.reduce((total, tally) => total + of(tally), 0);
    const seen = {
      acknowledged: sum(({ acknowledged }) => acknowledged),
      again: sum(({ again }) => again),
      refused: sum(({ refused }) => refused),
      results: sum(({ results }) => results),
      repeated: sum(({ repeated }) => repeated),
      lost: sum(({ lost }) => lost),
      gaps: sum(({ ends }) => ends.get(status.INVALID_ARGUMENT) ?? 0),
      taken: sum(({ ends }) => ends.get(status.ABORTED) ?? 0),
      gone: sum(({ ends }) => ends.get(status.NOT_FOUND) ?? 0),
    };

    const never = Object.entries(seen).filter(([, count]) => count === 0);
    expect(seeds < 200 ? [] : never).toEqual([]);
  });

  it("crashes before, after and amid the effects of each early commit", () => {
    const seen = new Set(
      outcomes.flatMap(({ crashes }) => crashes.map(({ commit, place }) => `${place} ${commit}`)),
    );
    const missing: string[] = [];
    for (let commit = 1; commit <= earlyCommits; commit++)
      for (const place of ["before", "after", "amid"])
        if (!seen.has(`${place} ${commit}`)) missing.push(`${place} ${commit}`);
    expect(seeds < seedsOfOneRound ? [] : missing).toEqual([]);
  });
});
