import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { RoundCluster, type RoundReport } from "./rounds/round.ts";

const asked = process.env["FLAME_FAULT_ROUNDS"];
const rounds = Number(asked ?? 20);
/** `npm test` strikes at the same points for everybody; who asks for rounds gets others each time. */
const usualSeed = asked === undefined ? 1 : Math.floor(Math.random() * 1_000_000);
const firstSeed = Number(process.env["FLAME_FAULT_SEED"] ?? usualSeed);
const seeds = Array.from({ length: rounds }, (_, nth) => firstSeed + nth);
/** A round takes some ten seconds; this is for those in which something hangs. */
const roundDeadlineMs = 600_000;

let cluster: RoundCluster | undefined;
/** Closed after the failure was told, which shows its logs. */
const broken: RoundCluster[] = [];

beforeAll(() => {
  tell(`${rounds} rounds from seed ${firstSeed}`);
});

afterAll(async () => {
  await cluster?.close();
  await closeBroken();
});

describe("a cluster that is hit at random", () => {
  it.each(seeds)(
    "loses no task, ends each once, counts right and leaves nothing behind: seed %d",
    async (seed) => {
      // One cluster for all, so that what piles up is seen; a round that fails is not held against the next.
      await closeBroken();
      cluster ??= await RoundCluster.start();
      try {
        tell(describeRound(await cluster.round(seed)));
      } catch (failure) {
        broken.push(cluster);
        cluster = undefined;
        throw failure;
      }
      expect(cluster).toBeDefined();
    },
    roundDeadlineMs,
  );
});

async function closeBroken(): Promise<void> {
  for (const one of broken.splice(0)) await one.close();
}

function describeRound({ seed, tasks, faults, recovered, settled }: RoundReport): string {
  const times = `recovered in ${recovered.toFixed(1)} s, settled in ${settled.toFixed(1)} s`;
  return `seed ${seed}: ${tasks} tasks, ${times}; ${faults.join(", ")}`;
}

/** Shown whether tests pass or fail: the seed is all that replays a round. */
function tell(line: string): void {
  process.stderr.write(`fault rounds: ${line}\n`);
}
