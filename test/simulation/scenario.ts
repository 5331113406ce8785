import type { RegisterApplication } from "../../src/application-registry/index.ts";
import type { CoreOptions } from "../../src/core/state.ts";
import type { ApplicationSpec } from "../../src/model/application-spec.ts";
import type { NodeReport } from "../../src/model/node.ts";
import { fits, type Resources } from "../../src/model/resources.ts";
import { defaultPolicies, type PolicyName } from "../../src/model/scheduling-policy.ts";
import type { SessionRequest } from "../../src/model/session.ts";
import { Random } from "../support/random.ts";
import type { SessionPlan } from "./model-client.ts";
import type { StreamPlan } from "./model-stream-client.ts";
import { crashPlaces, type PlannedCrash } from "./sim-manager.ts";

const gib = 1024 ** 3;

/** Everything about one run that is settled before it begins. */
export interface Scenario {
  readonly options: CoreOptions;
  readonly nodes: readonly NodeReport[];
  readonly applications: readonly RegisterApplication[];
  /** Application -> how long, from the beginning, its package cannot be installed. */
  readonly brokenForMs: ReadonlyMap<string, number>;
  readonly clients: readonly (readonly SessionPlan[])[];
  /** Of each client with a stream, what it does at once, and of that the sessions one after another. */
  readonly streams: readonly (readonly (readonly StreamPlan[])[])[];
  readonly crashes: PlannedCrash[];
  readonly stormMs: number;
  readonly lossRate: number;
  /** Finished tasks that an open session keeps; Infinity: all. */
  readonly tasksKept: number;
  /** The session manager's clock jumps, forward and backward. */
  readonly dateIsSet: boolean;
  /** Some node can run the session's tasks. */
  readonly feasible: (plan: { readonly request: SessionRequest }) => boolean;
}

/** Commits at which some seed of {@link seedsOfOneRound} in a row crashes first, each in each place. */
export const earlyCommits = 66;
export const seedsOfOneRound = earlyCommits * crashPlaces.length;

export function makeScenario(seed: number, random: Random): Scenario {
  const nodes = makeNodes(random);
  const applications = makeApplications(random);
  const feasible: Scenario["feasible"] = ({ request }) =>
    request.maxInstances !== 0 &&
    request.application !== "wasm" &&
    nodes.some((node) => fits(request.resreq ?? small, node.allocatable as Resources));
  let executors = 0;
  return {
    options: {
      resreq: small,
      policies: policiesOf(seed),
      bindRetryLimit: random.pick([2, 5]),
      executorsPerNodeMax: random.pick([4, 128]),
      sessionsMax: random.chance(0.2) ? 4 : Number.POSITIVE_INFINITY,
      openSessionsMax: Number.POSITIVE_INFINITY,
      quotas: [],
      openTasksMax: Number.POSITIVE_INFINITY,
      applicationsMax: Number.POSITIVE_INFINITY,
      absentClientMs: Number.POSITIVE_INFINITY,
      idleSessionMs: Number.POSITIVE_INFINITY,
      closedSessionRetentionMs: random.chance(0.2) ? 20_000 : Number.POSITIVE_INFINITY,
      nodeSilenceMs: 15_000,
      nodeGraceMs: 30_000,
      isReplacedElsewhere: () => false,
      newExecutorId: () => `e${++executors}`,
      term: 0,
    },
    nodes,
    applications,
    brokenForMs: new Map(
      random.chance(0.4) ? [["waits", random.between(5_000, 70_000)] as const] : [],
    ),
    clients: makeClients(random),
    // With numbers of their own, so that the rest of a seed is what it was before.
    streams: makeStreams(new Random(seed + 1_000_000)),
    crashes: makeCrashes(seed, random),
    stormMs: random.between(60_000, 180_000),
    lossRate: random.pick([0, 0.01, 0.03, 0.06]),
    dateIsSet: random.chance(0.5),
    // Of the seed alone, so that a seed is what it was before.
    tasksKept: seed % 3 === 0 ? 1 + (seed % 7) : Number.POSITIVE_INFINITY,
    feasible,
  };
}

/** The default for every other seed, each policy alone for the rest; a seed's world is the same under each. */
function policiesOf(seed: number): readonly PolicyName[] {
  if (seed % 2 === 0) return defaultPolicies;
  return seed % 4 === 1 ? ["drf"] : ["priority"];
}

const small: Resources = { cpu: 1, memory: gib, gpu: 0 };

/** The first node has room for every feasible session beside all instances that are kept warm. */
function makeNodes(random: Random): NodeReport[] {
  const sizes: Resources[] = [{ cpu: 4, memory: 8 * gib, gpu: random.between(0, 1) }];
  for (let more = random.between(0, 3); more > 0; more--)
    sizes.push({ cpu: random.between(1, 4), memory: random.between(1, 6) * gib, gpu: 0 });
  return sizes.map((size, index) => ({
    name: `n${index}`,
    capacity: size,
    allocatable: size,
    arch: "x86_64",
    os: "linux",
  }));
}

function makeApplications(random: Random): RegisterApplication[] {
  const specs: Record<string, Partial<ApplicationSpec>> = {
    eager: { delay_release: 0 },
    waits: { delay_release: 1 },
    steady: { delay_release: 60 },
    capped: { delay_release: random.pick([0, 1, 60]), max_instances: random.pick([1, 2]) },
    timed: { delay_release: 1, task_timeout: random.between(1, 5) },
    fragile: { delay_release: 1, max_crashes: random.between(1, 2), max_lost_nodes: 1 },
    wasm: { shim: "Wasm" },
  };
  return Object.entries(specs).map(([name, given]) => {
    const spec: ApplicationSpec = {
      shim: "Host",
      labels: [],
      arguments: [],
      environments: {},
      max_instances: 1_000_000,
      delay_release: 60,
      max_crashes: 5,
      max_lost_nodes: 10,
      ...given,
    };
    return { name, manifest: given, spec, origin: "api", author: "simulation" };
  });
}

/** Instances that all sessions together keep warm, at most. */
const warmMax = 2;

function makeClients(random: Random): SessionPlan[][] {
  let warm = 0;
  const clients: SessionPlan[][] = [];
  for (let client = random.between(2, 6); client > 0; client--) {
    const plans: SessionPlan[] = [];
    for (let session = random.between(1, 4); session > 0; session--) {
      const minInstances = random.chance(0.15) ? Math.min(warmMax - warm, random.between(1, 2)) : 0;
      warm += minInstances;
      const plan = makePlan(random, `c${client}-s${session}`, minInstances);
      plans.push(plan);
      // Its id is free again once it is deleted.
      if (plan.deleteAfter && plan.close !== "never" && random.chance(0.5))
        plans.push({
          ...plan,
          request: { ...plan.request, priority: 2 },
          tasks: 3,
          close: "ended",
        });
    }
    clients.push(plans);
  }
  return clients;
}

function makeStreams(random: Random): StreamPlan[][][] {
  return Array.from({ length: random.pick([1, 1, 2]) }, (_, client) =>
    Array.from({ length: random.between(1, 2) }, (_, thread) => {
      const plans: StreamPlan[] = [];
      for (let session = random.between(1, 2); session > 0; session--) {
        const plan = makeStreamPlan(random, `t${client}-${thread}-s${session}`);
        plans.push(plan);
        // Its id is free again once it is deleted.
        if (plan.deleteAfter && plan.close !== "never" && random.chance(0.5))
          plans.push({ ...plan, tasks: 3, close: "ended", midway: false });
      }
      return plans;
    }),
  );
}

function makeStreamPlan(random: Random, id: string): StreamPlan {
  const plan = makePlan(random, id, 0);
  return {
    ...plan,
    tasks: random.skewed(1, 40),
    batchMax: random.pick([1, 4, 20]),
    midway: (plan.close === "early" || plan.close === "forced") && random.chance(0.6),
  };
}

function makePlan(random: Random, id: string, minInstances: number): SessionPlan {
  const application = random.chance(0.04)
    ? "wasm"
    : random.pick(["eager", "waits", "waits", "steady", "steady", "capped", "timed", "fragile"]);
  const resreq = random.pick([
    undefined,
    undefined,
    small,
    { cpu: 2, memory: 2 * gib, gpu: 0 },
    { cpu: 1, memory: 3 * gib, gpu: 0 },
    { cpu: 1, memory: gib, gpu: 1 },
    { cpu: random.chance(0.2) ? 64 : 1, memory: gib, gpu: 0 },
  ]);
  const maxInstances = random.pick([
    undefined,
    undefined,
    undefined,
    1,
    2,
    random.chance(0.2) ? 0 : 3,
  ]);
  const warm = minInstances > 0;
  return {
    id,
    request: {
      application: warm ? "steady" : application,
      ...(resreq !== undefined && !warm && { resreq }),
      minInstances,
      ...(maxInstances !== undefined && !warm && { maxInstances }),
      priority: random.pick([0, 0, 0, 1, 5]),
    },
    tasks: random.skewed(1, 60),
    byOpen: random.chance(0.5),
    close: random.pick(["early", "forced", "ended", "ended", "never", "never"] as const),
    cancelRate: random.pick([0, 0, 0.1, 0.4]),
    timeoutRate: random.pick([0, 0, 0.1, 0.5]),
    deleteAfter: random.chance(0.5),
    pauseMsMax: random.pick([0, 50, 2_000, 10_000]),
  };
}

/** Over the seeds of a round, the first crash falls on each early commit in each place; later ones fall anywhere. */
function makeCrashes(seed: number, random: Random): PlannedCrash[] {
  const nth = ((seed % seedsOfOneRound) + seedsOfOneRound) % seedsOfOneRound;
  const crashes: PlannedCrash[] = [
    {
      commit: 1 + Math.floor(nth / crashPlaces.length),
      place: crashPlaces[nth % crashPlaces.length]!,
    },
  ];
  for (let more = random.between(0, 8); more > 0; more--) {
    const commit = crashes.at(-1)!.commit + random.skewed(1, 250);
    crashes.push({ commit, place: random.pick(crashPlaces) });
  }
  return crashes;
}
