import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { RoundCluster } from "./rounds/round.ts";
import { describeRound, roundDeadlineMs, seedsOf, tell } from "./rounds/seeds.ts";

const seeds = seedsOf(process.env["FLAME_FAULT_ROUNDS"], 20);

let cluster: RoundCluster | undefined;
/** Closed after the failure was told, which shows its logs. */
const broken: RoundCluster[] = [];

beforeAll(() => {
  tell(`${seeds.length} rounds from seed ${seeds[0]}`);
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
