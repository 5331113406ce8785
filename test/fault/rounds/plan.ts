import type { PartitionKind } from "../../support/partition-proxy.ts";
import type { Random } from "../../support/random.ts";

/** What can be hit. A service is whichever runs at that moment, a client whichever program still does. */
export const targets = [
  "flame-session-manager",
  "flame-executor-manager",
  "flame-object-cache",
  "service",
  "flmping",
  "flmrun",
] as const;
export type Target = (typeof targets)[number];

interface Moment {
  /** Milliseconds after the clients were started. */
  readonly atMs: number;
  /** How long it stays down, stopped or cut, in milliseconds. */
  readonly lastsMs: number;
}

/** A blow at a process. */
export interface ProcessFault extends Moment {
  readonly target: Target;
  /** kill: `kill -9`; stop: SIGSTOP, and SIGCONT later. */
  readonly kind: "kill" | "stop";
}

/** A break of the network between the node and the session manager. */
export interface NetworkFault extends Moment {
  readonly target: "network";
  readonly kind: PartitionKind;
}

/** One blow of a round. */
export type Fault = ProcessFault | NetworkFault;

/** What the clients of a round do. */
export interface Workload {
  readonly ping: { readonly tasks: number; readonly taskMs: number };
  readonly run: { readonly tasks: number; readonly taskMs: number; readonly bytes: number };
  readonly own: { readonly tasks: number; readonly taskMs: number };
}

export interface RoundPlan {
  readonly workload: Workload;
  /** In the order of their times. */
  readonly faults: readonly Fault[];
}

/** Faults begin within this time, in milliseconds. */
const stormMs = 3_500;
/** Results of flmrun that are larger than its messages go through the object cache. */
const largeBytes = 400_000;
/** Longer than a session manager waits for the next word of a node, and than it keeps its leases after that. */
const silencesMs = [17_000, 50_000];

/** Settles a round before it begins; the same seed gives the same plan. */
export function makePlan(random: Random): RoundPlan {
  const faults: Fault[] = Array.from({ length: random.between(2, 5) }, () => makeFault(random));
  // A daemon that has just been started again is killed in the middle of its start.
  const again = faults.find(({ target, kind }) => kind === "kill" && target.startsWith("flame-"));
  if (again !== undefined && random.chance(0.3))
    faults.push({ ...again, atMs: again.atMs + again.lastsMs + random.between(20, 400) });
  // Now and then a node is silent for so long that it is given up while its tasks still run.
  if (random.chance(0.05))
    faults.push({
      atMs: random.between(500, 2_000),
      target: "flame-executor-manager",
      kind: "stop",
      lastsMs: random.pick(silencesMs),
    });
  faults.sort((a, b) => a.atMs - b.atMs);
  return {
    // Some four seconds of work for two executors: what is hit is at work.
    workload: {
      ping: { tasks: random.between(40, 120), taskMs: random.pick([5, 40, 80]) },
      run: {
        tasks: random.between(6, 20),
        taskMs: random.pick([10, 50, 200]),
        bytes: random.pick([0, 10, largeBytes]),
      },
      own: { tasks: random.between(20, 60), taskMs: random.pick([10, 60, 100]) },
    },
    faults,
  };
}

function makeFault(random: Random): ProcessFault {
  const kind = random.chance(0.6) ? "kill" : "stop";
  return {
    atMs: random.between(0, stormMs),
    target: random.pick(targets),
    kind,
    lastsMs: kind === "kill" ? random.skewed(0, 1_500) : random.skewed(100, 4_000),
  };
}

/** One line for people. */
export function describeFault({ atMs, target, kind, lastsMs }: Fault): string {
  return `${(atMs / 1000).toFixed(2)} s ${kind} ${target} (${(lastsMs / 1000).toFixed(2)} s)`;
}
