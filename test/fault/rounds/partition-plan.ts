import { partitionKinds } from "../../support/partition-proxy.ts";
import type { Random } from "../../support/random.ts";
import type { NetworkFault, RoundPlan } from "./plan.ts";

/** Longer than a node's stream waits for a word (15 s), and than leases are kept after that (30 s more). */
const longestMs = 60_000;
const shortestMs = 5_000;
const breaksMax = 4;

/**
 * Settles a round of breaks of the network between node and session manager before it begins; the same seed gives the
 * same plan.
 * @param limitMs no break lasts longer
 */
export function makePartitionPlan(random: Random, limitMs = longestMs): RoundPlan {
  const lastsMs = Math.min(limitMs, random.skewed(shortestMs, longestMs));
  const faults = [makeCut(random, random.between(200, 1_500), lastsMs)];
  // Sometimes the network breaks again as soon as it works.
  while (faults.length < breaksMax && random.chance(0.5)) {
    const { atMs, lastsMs: before } = faults.at(-1)!;
    faults.push(
      makeCut(random, atMs + before + random.between(0, 1_500), random.between(0, 2_000)),
    );
  }
  // Some tasks end while the network is away, some begin before and end after.
  const taskMs = random.pick([50, 300, 2_000]);
  return {
    workload: {
      ping: { tasks: random.between(20, 40), taskMs: random.pick([20, 200]) },
      run: {
        tasks: random.between(4, 10),
        taskMs: random.pick([50, 500]),
        bytes: random.pick([0, 400_000]),
      },
      own: { tasks: taskMs === 2_000 ? 8 : 40, taskMs },
    },
    faults,
  };
}

function makeCut(random: Random, atMs: number, longMs: number): NetworkFault {
  const kind = random.pick(partitionKinds);
  // What only ends connections is over at once.
  const lastsMs = kind === "reset" || kind === "half-open" ? random.between(0, 500) : longMs;
  return { target: "network", kind, atMs, lastsMs };
}
