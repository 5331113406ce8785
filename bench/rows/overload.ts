import type { Client } from "../house/child.ts";
import { daemons } from "../house/cluster.ts";
import { memoryOf } from "../house/cpu.ts";
import type { House } from "../house/house.ts";
import type { Bench, Row, Sample } from "../house/row.ts";
import { quantile } from "../house/statistics.ts";

interface Load {
  readonly name: string;
  readonly what: string;
  readonly args: (house: House) => readonly number[];
  /** It goes on until everything has been measured. */
  readonly holds?: true;
  /** A load that has to be there before. */
  readonly needs?: string;
}

const sessions = (house: House): number => house.size(1_000, 10);
const restMs = 2_000;
const heldMs = 5_000;

/** In this order, each on top of those before it. */
const loads: readonly Load[] = [
  { name: "sessions", what: "1,000 sessions are opened", args: (house) => [sessions(house)] },
  {
    name: "tasks",
    what: "200,000 tasks are queued in them",
    args: (house) => [house.size(200_000, 500), sessions(house)],
  },
  {
    name: "watchers",
    what: "10,000 watchers of 20 connections",
    args: (house) => [house.size(10_000, 50), sessions(house), house.size(20, 2)],
    holds: true,
  },
  {
    name: "never_reads",
    what: "a client with 5,000 watches reads no byte",
    args: (house) => [house.size(5_000, 50), sessions(house)],
    holds: true,
  },
  {
    name: "flood",
    what: "30,000 calls of one connection, 2,000 at once",
    args: (house) => [house.size(30_000, 300), house.size(2_000, 50)],
    needs: "one-session",
  },
  {
    name: "registers",
    what: "20,000 applications of 8,000 bytes are registered",
    args: (house) => [house.size(20_000, 50), 8_000, 256],
  },
];

type Who = keyof typeof daemons;
const whos = Object.keys(daemons) as Who[];

const rowsOf = ({ name, what }: Pick<Load, "name" | "what">): readonly Row[] => [
  ...whos.map((who) => ({
    id: `overload_${name}_rss_${who}`,
    unit: "MiB",
    what: `${what}: resident memory of ${daemons[who]}`,
  })),
  ...["p50", "p99", "max"].map((which) => ({
    id: `overload_${name}_wait_${which}`,
    unit: "ms",
    what: `${what}: what another, well-behaved client waits for CreateTask and GetTask, ${which}`,
  })),
];

const rest = { name: "rest", what: "before any load" };
const all = { name: "all", what: "when all loads are on" };

interface Outcome {
  readonly answered?: number;
  readonly refused?: Readonly<Record<string, number>>;
  readonly seconds?: number;
}

function told(name: string, { answered, refused = {}, seconds = 0 }: Outcome): string[] {
  if (answered === undefined) return [];
  const parts = Object.entries(refused).map(([code, count]) => `${count} refused (${code})`);
  return [`${name}: ${[`${answered} calls in ${seconds.toFixed(1)} s`, ...parts].join(", ")}`];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function once(house: House): Promise<Sample> {
  const cluster = await house.ownCluster();
  const { pids, env, endpoint } = cluster;
  const address = endpoint.replace("http://", "");
  const values: Record<string, number> = {};
  const notes: string[] = [];
  const held: Client<unknown>[] = [];
  const load = (name: string, ...args: readonly number[]): Client<Outcome> =>
    house.client<Outcome>("overload", env, name.replaceAll("_", "-"), address, ...args);
  const probed = async (name: string, work: () => Promise<Outcome>): Promise<void> => {
    const probe = house.client<{ times: number[]; failures: string[] }>(
      "overload",
      env,
      "probe",
      address,
    );
    await probe.begun;
    notes.push(...told(name, await work()));
    probe.finish();
    const { times, failures } = await probe.outcome;
    if (failures.length > 0)
      notes.push(`${name}: ${failures.length} probes failed: ${failures[0]}`);
    if (pids !== undefined)
      for (const who of whos) values[`overload_${name}_rss_${who}`] = memoryOf(pids[who]).now;
    for (const [which, q] of [
      ["p50", 0.5],
      ["p99", 0.99],
      ["max", 1],
    ] as const)
      values[`overload_${name}_wait_${which}`] = quantile(times, q);
  };
  try {
    const still = () => pause(house.size(restMs, 100)).then(() => ({}));
    await probed(rest.name, still);
    for (const { name, args, holds, needs } of loads) {
      if (needs !== undefined) await load(needs).outcome;
      await probed(name, async () => {
        const put = load(name, ...args(house));
        if (holds !== true) return put.outcome;
        await put.begun;
        held.push(put);
        await pause(house.size(heldMs, 100));
        return {};
      });
    }
    await probed(all.name, still);
    return { values, note: notes.join("; ") };
  } finally {
    for (const one of held) one.finish();
    await Promise.allSettled(held.map((one) => one.outcome));
    await cluster.stop();
  }
}

/** Loads on daemons of its own: their memory, and what another client has to wait meanwhile. */
export const overload: Bench = {
  id: "overload",
  needs: "own",
  onlyWhenNamed: true,
  rows: [rest, ...loads, all].flatMap(rowsOf),
  open: async (house) => ({ once: () => once(house), close: async () => undefined }),
};
