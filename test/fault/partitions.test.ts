import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { makePartitionPlan } from "./rounds/partition-plan.ts";
import { RoundCluster } from "./rounds/round.ts";
import { describeRound, roundDeadlineMs, seedsOf, tell } from "./rounds/seeds.ts";

const asked = process.env["FLAME_FAULT_PARTITIONS"];
const seeds = seedsOf(asked, 3);
/** Of a break of the network, in milliseconds; who asks for rounds gets some of up to a minute. */
const limitMs = asked === undefined ? 20_000 : undefined;

let cluster: RoundCluster | undefined;
/** Closed after the failure was told, which shows its logs. */
const broken: RoundCluster[] = [];

beforeAll(() => {
  tell(`${seeds.length} partition rounds from seed ${seeds[0]}`);
});

afterAll(async () => {
  await cluster?.close();
  await closeBroken();
});

describe("a cluster whose network between node and session manager breaks", () => {
  it.each(seeds)(
    "loses no task, ends each once, counts right and leaves nothing behind: seed %d",
    async (seed) => {
      // One cluster for all, so that what piles up is seen; a round that fails is not held against the next.
      await closeBroken();
      cluster ??= await RoundCluster.start({ breakable: true });
      try {
        tell(
          describeRound(await cluster.round(seed, (random) => makePartitionPlan(random, limitMs))),
        );
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
