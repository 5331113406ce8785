import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isSameProcessAlive } from "../../../src/process/process-facts.ts";
import type { TestCluster } from "../../support/cluster.ts";
import type { Daemon } from "../../support/daemon.ts";
import type { PartitionProxy } from "../../support/partition-proxy.ts";
import type { Random } from "../../support/random.ts";
import { waitFor } from "../../support/wait-for.ts";
import type { ClientProgram } from "./clients.ts";
import {
  describeFault,
  type Fault,
  type NetworkFault,
  type ProcessFault,
  type RoundPlan,
  type Target,
} from "./plan.ts";

/** A daemon that is started while another one is away needs that one first. */
const servingDeadlineMs = 90_000;
const daemonTargets = [
  "flame-session-manager",
  "flame-executor-manager",
  "flame-object-cache",
] as const;

/** Carries the faults of one round out, as far as what they are meant for is there. */
export class Storm {
  readonly #cluster: TestCluster;
  readonly #random: Random;
  readonly #programs: readonly ClientProgram[];
  /** What happened, for people. */
  readonly trace: string[] = [];
  readonly hit = new Set<Target | "network">();
  /** Daemons that are down because a fault says so. */
  readonly #down = new Set<Daemon>();
  readonly #continue = new Set<() => void>();
  readonly #network: PartitionProxy | undefined;

  /** @param network what stands between node and session manager, when the plan breaks it */
  constructor(
    cluster: TestCluster,
    random: Random,
    programs: readonly ClientProgram[],
    network?: PartitionProxy,
  ) {
    this.#network = network;
    this.#cluster = cluster;
    this.#random = random;
    this.#programs = programs;
  }

  /** Resolves when every fault is over; what it ended or stopped may need a while to serve again. */
  async rage({ faults }: RoundPlan): Promise<void> {
    await Promise.all(
      faults.map(async (fault) => {
        await delay(fault.atMs);
        const done = await this.#strike(fault);
        this.trace.push(`${describeFault(fault)}${done ? "" : ": nothing there to hit"}`);
        if (done) this.hit.add(fault.target);
      }),
    );
  }

  /** Waits until every daemon serves. @throws Error when one ended by itself or does not serve in time. */
  async calm(): Promise<void> {
    for (const resume of this.#continue) resume();
    for (const name of daemonTargets) {
      const daemon = this.#cluster.daemon(name);
      await waitFor(`${name} serving`, () => daemon.serving, {
        deadlineMs: servingDeadlineMs,
        giveUp: () => !daemon.running,
      });
    }
  }

  /** Nothing stays stopped, whatever went wrong: what is stopped cannot be ended by TERM. */
  relent(): void {
    for (const resume of this.#continue) resume();
  }

  #strike(fault: Fault): Promise<boolean> {
    return fault.target === "network" ? this.#strikeNetwork(fault) : this.#strikeProcess(fault);
  }

  async #strikeNetwork({ kind, lastsMs }: NetworkFault): Promise<boolean> {
    const network = this.#network;
    if (network === undefined) return false;
    const heal = (): void => {
      network.heal();
    };
    this.#continue.add(heal);
    network.cut(kind);
    await delay(lastsMs);
    heal();
    this.#continue.delete(heal);
    return true;
  }

  #strikeProcess(fault: ProcessFault): Promise<boolean> {
    const { target } = fault;
    switch (target) {
      case "service":
        return this.#strikeService(fault);
      case "flmping":
      case "flmrun":
        return this.#strikeProgram(fault);
      default:
        return this.#strikeDaemon(this.#cluster.daemon(target), fault);
    }
  }

  async #strikeDaemon(daemon: Daemon, { kind, lastsMs }: ProcessFault): Promise<boolean> {
    if (this.#down.has(daemon)) return false;
    // One that ended without a blow is a finding: its exit code and its log say why.
    if (!daemon.running) throw new Error(`${daemon.name} ended by itself`);
    if (kind === "stop") {
      const { pid } = daemon;
      await this.#hold((signal) => {
        if (daemon.running && daemon.pid === pid) process.kill(pid, signal);
      }, lastsMs);
      return true;
    }
    this.#down.add(daemon);
    await daemon.kill();
    await delay(lastsMs);
    daemon.spawn();
    this.#down.delete(daemon);
    return true;
  }

  async #strikeProgram({ target, kind, lastsMs }: ProcessFault): Promise<boolean> {
    const program = this.#programs.find(({ name, running }) => name === target && running);
    if (program === undefined) return false;
    if (kind === "kill") program.signal("SIGKILL");
    else await this.#hold((signal) => program.signal(signal), lastsMs);
    return true;
  }

  async #strikeService({ kind, lastsMs }: ProcessFault): Promise<boolean> {
    const services = runningServices(this.#cluster.home);
    if (services.length === 0) return false;
    const { pid, startTime } = this.#random.pick(services);
    const send = (signal: NodeJS.Signals): void => {
      if (isSameProcessAlive(pid, startTime)) process.kill(-pid, signal);
    };
    if (kind === "kill") send("SIGKILL");
    else await this.#hold(send, lastsMs);
    return true;
  }

  /** SIGSTOP now, SIGCONT after a while, or when the storm is over. */
  async #hold(send: (signal: NodeJS.Signals) => void, lastsMs: number): Promise<void> {
    const resume = (): void => send("SIGCONT");
    this.#continue.add(resume);
    send("SIGSTOP");
    await delay(lastsMs);
    resume();
    this.#continue.delete(resume);
  }
}

interface RunningService {
  readonly pid: number;
  readonly startTime: number;
}

/** The groups of the services that run, as the executor manager has written them down. */
function runningServices(home: string): RunningService[] {
  const folder = join(home, "run/services");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => readService(join(folder, name)) ?? []);
}

/** Undefined when it has just gone. */
function readService(file: string): RunningService | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as RunningService;
  } catch {
    return undefined;
  }
}
