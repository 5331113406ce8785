import { Random } from "../support/random.ts";
import { Auditor } from "./auditor.ts";
import { Ledger } from "./ledger.ts";
import { ModelClient } from "./model-client.ts";
import { ModelNode } from "./model-node.ts";
import { looksAround } from "./model-reader.ts";
import { ModelStreamClient } from "./model-stream-client.ts";
import { Link } from "./network.ts";
import { checkRest } from "./rest-checks.ts";
import { Runs } from "./runs.ts";
import { makeScenario, type Scenario } from "./scenario.ts";
import { pause, Running, type Script } from "./script.ts";
import { Services } from "./services.ts";
import { type PlannedCrash, SimManager } from "./sim-manager.ts";
import { checkAnswers } from "./submit-checks.ts";
import { SubmitTally } from "./submitter.ts";
import { Violation, World } from "./world.ts";

/** Virtual time within which everything must have ended once no fault happens any more. */
const calmMsMax = 900_000;

export interface Outcome {
  readonly seed: number;
  readonly crashes: readonly PlannedCrash[];
  readonly commits: number;
  readonly tasks: number;
  readonly restarts: number;
  readonly overtaken: number;
  readonly cancelled: number;
  readonly timedOut: number;
  readonly late: { readonly waiting: number; readonly running: number };
  readonly exhausted: number;
  readonly forgotten: number;
  readonly submits: SubmitTally;
  readonly virtualMs: number;
}

/** One run of a whole cluster in virtual time. @throws Violation with the last things that happened. */
export async function simulate(seed: number): Promise<Outcome> {
  const run = new Simulation(seed);
  try {
    return await run.run();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const failure = new Violation(
      `${text}\n--- what happened last ---\n${run.world.tail(60).join("\n")}`,
    );
    if (cause instanceof Error && cause.stack !== undefined) failure.stack = cause.stack;
    throw failure;
  }
}

class Simulation {
  readonly world: World;
  readonly #seed: number;
  readonly #scenario: Scenario;
  readonly #runs = new Runs();
  readonly #ledger = new Ledger(this.#runs);
  readonly #auditor: Auditor;
  readonly #manager: SimManager;
  readonly #nodes: ModelNode[] = [];
  readonly #clients: ModelClient[] = [];
  readonly #streams: ModelStreamClient[] = [];
  readonly #tally = new SubmitTally();
  readonly #links: Link[] = [];

  constructor(seed: number) {
    const random = new Random(seed);
    this.#seed = seed;
    this.world = new World(random);
    this.#scenario = makeScenario(seed, random);
    const { options, crashes, tasksKept } = this.#scenario;
    this.#auditor = new Auditor(this.world, this.#ledger, this.#runs, options);
    this.#manager = new SimManager(
      this.world,
      options,
      this.#auditor,
      this.#ledger,
      crashes,
      tasksKept,
    );
  }

  async run(): Promise<Outcome> {
    const { world } = this;
    const began = world.now;
    await this.#manager.start();
    this.#makeNodes();
    new Running(this.#makeClients());
    new Running(this.#setDates());
    await world.run(began + this.#scenario.stormMs, () => false);
    this.#calm();
    const limit = world.now + calmMsMax;
    await world.run(limit, () => this.#allEnded());
    if (!this.#allEnded())
      throw new Violation(`after ${calmMsMax / 1000} s of calm: ${this.#openEnds()}`);
    // The longest delay_release, which counts anew when a LaunchTask of the storm breaks up to 30 s later, and the calls
    // that follow it.
    await world.run(world.now + 110_000, () => false);
    await world.run(world.now + 10_000, () => this.#manager.quiet);
    await this.#checkRest();
    // What is kept warm stays as it is: nothing is bound, released or written again.
    const { commits } = this.#manager;
    await world.run(world.now + 70_000, () => false);
    if (this.#manager.commits > commits)
      throw new Violation(`at rest: ${this.#manager.commits - commits} more commits in 70 s`);
    return {
      seed: this.#seed,
      crashes: this.#manager.crashes,
      commits: this.#manager.commits,
      tasks: this.#clients.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0),
      restarts: this.#manager.crashes.length,
      overtaken: this.#runs.overtaken,
      cancelled: this.#ledger.attempts.cancelled,
      timedOut: this.#ledger.attempts.timedOut,
      late: this.#ledger.attempts.late,
      forgotten: this.#auditor.forgotten,
      exhausted: this.#ledger.attempts.exhausted,
      submits: this.#tally,
      virtualMs: world.now - began,
    };
  }

  #link(): Link {
    const link = new Link(this.world, this.#manager, this.#scenario.lossRate);
    this.#links.push(link);
    return link;
  }

  #makeNodes(): void {
    const { world } = this;
    const brokenUntil = new Map(
      [...this.#scenario.brokenForMs].map(([name, ms]) => [name, world.now + ms]),
    );
    for (const report of this.#scenario.nodes) {
      const link = this.#link();
      const deps = {
        world,
        link,
        runs: this.#runs,
        services: new Services(world, brokenUntil),
        fenced: world.random.chance(0.75),
      };
      const works = deps.fenced && world.random.chance(0.7);
      const streams = !works ? "none" : world.random.chance(0.7) ? "binds" : "work";
      const node = new ModelNode(deps, report, streams);
      this.#nodes.push(node);
      world.after(world.random.skewed(0, 10_000), () => {
        if (!node.up) node.start();
      });
      new Running(this.#troubleNode(node, link));
    }
  }

  *#troubleNode(node: ModelNode, link: Link): Script {
    const { world } = this;
    const { random } = world;
    while (world.stormy) {
      yield* pause(world, random.between(2_000, 40_000));
      if (!world.stormy || !node.up) continue;
      const fault = random.pick(["crash", "partition", "partition", "release", "none"] as const);
      if (fault === "partition") {
        world.note(`${node.report.name}: cut off`);
        link.partition(random.skewed(500, 70_000));
      } else if (fault !== "none") {
        if (fault === "crash") node.crash(random.skewed(1, 20_000));
        else node.release();
        yield* pause(world, random.skewed(100, 60_000));
        if (fault === "crash" && !node.up) node.start();
      }
    }
  }

  /** Somebody sets the date: nothing may end earlier or last longer for it. */
  *#setDates(): Script {
    const { world } = this;
    const { random } = world;
    if (!this.#scenario.dateIsSet) return;
    while (world.stormy) {
      yield* pause(world, random.between(1_000, 60_000));
      const byMs = random.skewed(100, 400 * 86_400_000);
      if (world.stormy) world.setDate(random.chance(0.5) ? byMs : -byMs);
    }
  }

  /** The applications first, then the clients. */
  *#makeClients(): Script {
    const { world } = this;
    const link = this.#link();
    for (const application of this.#scenario.applications) {
      for (;;) {
        const made = yield* link.ask("application.register", application);
        if (made.kind !== "broken") break;
        yield* pause(world, 200);
      }
    }
    const { clients, streams, feasible } = this.#scenario;
    const sessionIds = [...clients.flat(), ...streams.flat(2)].map(({ id }) => id);
    new Running(looksAround(world, this.#link(), sessionIds));
    for (const [index, plans] of streams.entries()) {
      const deps = {
        world,
        link: this.#clientLink(),
        name: `p${index}`,
        tally: this.#tally,
        feasible,
      };
      this.#streams.push(new ModelStreamClient(deps, plans));
    }
    for (const plans of clients)
      this.#clients.push(new ModelClient(world, this.#clientLink(), plans, feasible));
  }

  #clientLink(): Link {
    const { world } = this;
    const link = this.#link();
    if (world.random.chance(0.3))
      world.after(world.random.between(1_000, 40_000), () => {
        if (world.stormy) link.partition(world.random.skewed(500, 20_000));
      });
    return link;
  }

  /** From now on nothing breaks, and whatever is down comes up. */
  #calm(): void {
    const { world } = this;
    world.note("--- calm ---");
    world.stormy = false;
    this.#manager.calm();
    for (const link of this.#links) link.cut = false;
    const wake = (): void => {
      for (const node of this.#nodes) if (!node.up) node.start();
    };
    wake();
    // Those that were draining when the storm ended.
    world.after(100_000, wake);
  }

  #allEnded(): boolean {
    const nodes = [...(this.#manager.core?.state.nodes.all() ?? [])];
    if (nodes.filter(({ record }) => record.state === "Ready").length < this.#nodes.length)
      return false;
    if (this.#clients.length < this.#scenario.clients.length) return false;
    if (!this.#clients.every((client) => client.over)) return false;
    if (!this.#streams.every((client) => client.over)) return false;
    if (!this.#nodes.every((node) => node.serving)) return false;
    for (const { record, counts } of this.#ledger.sessions.values()) {
      if (counts.pending + counts.running > 0 && this.#canEnd(record.id)) return false;
    }
    return true;
  }

  #canEnd(sessionId: string): boolean {
    const { clients, streams } = this.#scenario;
    const plan = [...clients.flat(), ...streams.flat(2)].find(({ id }) => id === sessionId);
    return plan !== undefined && this.#scenario.feasible(plan);
  }

  #openEnds(): string {
    const ends: string[] = [];
    for (const { record, counts } of this.#ledger.sessions.values())
      if (counts.pending + counts.running > 0 && this.#canEnd(record.id))
        ends.push(`session ${JSON.stringify(record)} has ${JSON.stringify(counts)}`);
    for (const [index, client] of this.#clients.entries())
      if (!client.over) ends.push(`client ${index} waits, with ${client.watching} watches`);
    for (const [index, client] of this.#streams.entries())
      if (!client.over) ends.push(`stream client ${index} waits for ${client.outstanding} results`);
    for (const [index, client] of this.#streams.entries())
      if (!client.over) ends.push(`stream client ${index} waits for ${client.outstanding} results`);
    for (const node of this.#nodes) if (!node.up) ends.push(`${node.report.name} is down`);
    for (const { record, taskId } of this.#manager.core?.state.executors.all() ?? [])
      ends.push(`${JSON.stringify(record)} holds ${taskId ?? "no task"}`);
    return ends.join("\n");
  }

  async #checkRest(): Promise<void> {
    const state = this.#manager.core?.state;
    if (state === undefined || !this.#manager.quiet)
      throw new Violation("the manager is not at rest");
    this.#auditor.atRest(state, await this.#manager.store.load());
    this.#auditor.allForgotten(this.#manager.tables, this.#scenario.tasksKept);
    checkAnswers(this.#streams, this.#ledger, this.#manager.tables);
    checkRest(
      state,
      this.#ledger,
      (sessionId) => this.#canEnd(sessionId),
      this.#nodes.flatMap(({ executorIds }) => executorIds),
    );
  }
}
