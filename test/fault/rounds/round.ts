import { FlameClient } from "../../../src/client/index.ts";
import { startCluster, type TestCluster } from "../../support/cluster.ts";
import { PartitionProxy } from "../../support/partition-proxy.ts";
import { freePorts } from "../../support/ports.ts";
import { Random } from "../../support/random.ts";
import { waitFor } from "../../support/wait-for.ts";
import { allEnded, auditTasks } from "./audit.ts";
import {
  type ClientProgram,
  runOwnClient,
  startFlmping,
  startFlmrun,
  type Told,
} from "./clients.ts";
import { type Footprint, growth, measureFootprint } from "./footprint.ts";
import { makePlan, type RoundPlan } from "./plan.ts";
import { Storm } from "./storm.ts";

/** Within this time everything that a round made is gone: a cache that was away is asked again after 30 s. */
const settleDeadlineMs = 60_000;

/** What a round did, for people. */
export interface RoundReport {
  readonly seed: number;
  readonly tasks: number;
  readonly faults: readonly string[];
  /** From the end of the last fault until every task had ended, in seconds. */
  readonly recovered: number;
  /** From then until the cluster was as small as before, in seconds. */
  readonly settled: number;
}

/** A cluster for one round after another. */
export class RoundCluster {
  readonly #cluster: TestCluster;
  readonly #base: Footprint;
  readonly #network: PartitionProxy | undefined;

  private constructor(cluster: TestCluster, base: Footprint, network: PartitionProxy | undefined) {
    this.#cluster = cluster;
    this.#base = base;
    this.#network = network;
  }

  /**
   * Starts it, and measures what it takes after a round without faults.
   * @param options.breakable whether the network between node and session manager can be broken
   */
  static async start(options: { readonly breakable?: boolean } = {}): Promise<RoundCluster> {
    let network: PartitionProxy | undefined;
    // Objects of a session that is closed would else be kept for minutes.
    const cluster = await startCluster({
      // A cluster that has nothing to do has no services then.
      config: { cache: { retention: "1s" }, cluster: { executors: { warm: 0 } } },
      ...(options.breakable === true && {
        betweenNode: async (managerPort) => {
          const port = await freePorts(2);
          network = await PartitionProxy.start(port, managerPort);
          return port;
        },
      }),
    });
    try {
      const calm = { ...makePlan(new Random(0)), faults: [] };
      await new Round({ cluster, network }, new Random(0), calm, "warm-up").run();
      // Services of the sessions that were just deleted may need a moment to end.
      const base = await waitFor(
        "nothing left by a calm round",
        () => {
          const now = measureFootprint(cluster);
          const odd = [...now.strangers, ...now.leftovers];
          if (odd.length > 0 || now.stored["executors"] !== 0) throw new Error(odd.join("\n"));
          return now;
        },
        { deadlineMs: settleDeadlineMs, intervalMs: 100 },
      );
      return new RoundCluster(cluster, base, network);
    } catch (failure) {
      await cluster.close();
      await network?.close();
      throw failure;
    }
  }

  async close(): Promise<void> {
    await this.#cluster.close();
    await this.#network?.close();
  }

  /** @throws Error that says what was not as promised, with the faults and the seed. */
  async round(
    seed: number,
    planOf: (random: Random) => RoundPlan = makePlan,
  ): Promise<RoundReport> {
    const random = new Random(seed);
    const place = { cluster: this.#cluster, network: this.#network };
    const round = new Round(place, random, planOf(random), String(seed));
    try {
      const { tasks, recovered } = await round.run();
      const began = performance.now();
      await this.#settled();
      return { seed, tasks, faults: round.faults, recovered, settled: secondsSince(began) };
    } catch (cause) {
      const happened = round.faults.map((fault) => `  ${fault}`).join("\n");
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new Error(
        `round of seed ${seed}: ${text}\nfaults:\n${happened}\nreplay: npm run test:fault -- ${this.#network === undefined ? "--rounds" : "--partitions"} 1 --seed ${seed}`,
        { cause },
      );
    }
  }

  async #settled(): Promise<void> {
    let found: readonly string[] = [];
    const look = (): boolean => {
      found = growth(this.#base, measureFootprint(this.#cluster));
      return found.length === 0;
    };
    await waitFor("what it was before", look, {
      deadlineMs: settleDeadlineMs,
      intervalMs: 100,
    }).catch((cause: unknown) => {
      throw new Error(`the round left more than there was:\n${found.join("\n")}`, { cause });
    });
  }
}

/** Where a round takes place. */
interface Place {
  readonly cluster: TestCluster;
  readonly network: PartitionProxy | undefined;
}

class Round {
  readonly #cluster: TestCluster;
  readonly #network: PartitionProxy | undefined;
  readonly #random: Random;
  readonly #plan: RoundPlan;
  readonly #name: string;
  readonly #client: FlameClient;
  #storm: Storm | undefined;

  constructor({ cluster, network }: Place, random: Random, plan: RoundPlan, name: string) {
    this.#cluster = cluster;
    this.#network = network;
    this.#random = random;
    this.#plan = plan;
    this.#name = name;
    this.#client = new FlameClient({ endpoint: cluster.endpoint, reconnectTimeoutMs: 60_000 });
  }

  get faults(): readonly string[] {
    return this.#storm?.trace ?? [];
  }

  async run(): Promise<{ tasks: number; recovered: number }> {
    const { workload } = this.#plan;
    const programs = [
      startFlmping(this.#cluster, workload),
      startFlmrun(this.#cluster, `run-${this.#name}`, workload),
    ];
    const own = runOwnClient(this.#cluster, `own-${this.#name}`, workload);
    own.catch(() => undefined);
    this.#storm = new Storm(this.#cluster, this.#random, programs, this.#network);
    try {
      await this.#storm.rage(this.#plan);
      const calmSince = performance.now();
      await this.#storm.calm();
      const told = await this.#clientsEnded(programs, own);
      const tasks = await allEnded(this.#client);
      const recovered = secondsSince(calmSince);
      await auditTasks(this.#client, told, this.#mayFail());
      await this.#deleteSessions();
      return { tasks, recovered };
    } finally {
      this.#storm.relent();
      for (const program of programs) program.signal("SIGKILL");
      this.#client.close();
    }
  }

  async #clientsEnded(programs: readonly ClientProgram[], own: Promise<Told>): Promise<Told[]> {
    for (const program of programs) {
      await program.ended();
      const complaint = program.complaint(this.#hit("flame-session-manager"));
      if (complaint !== undefined) throw new Error(complaint);
    }
    return [await own, ...programs.map(({ told }) => told)];
  }

  /** A service that finds no object cache cannot answer otherwise, and one that is killed again and again fails its task. */
  #mayFail(): boolean {
    return this.#hit("flame-object-cache");
  }

  #hit(target: "flame-session-manager" | "flame-object-cache"): boolean {
    return this.#storm?.hit.has(target) ?? false;
  }

  async #deleteSessions(): Promise<void> {
    for (const { id, state } of await this.#client.listSessions()) {
      if (state === "Open") await this.#client.closeSession(id);
      await this.#client.deleteSession(id);
    }
  }
}

const secondsSince = (began: number): number => (performance.now() - began) / 1000;
