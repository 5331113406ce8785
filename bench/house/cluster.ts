import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type CpuSnapshot, cpuSnapshot, endedMs, ownMs, treeMs } from "./cpu.ts";
import type { CpuByProcess } from "./row.ts";
import {
  configuration,
  environment,
  freePorts,
  publishedBy,
  startCluster,
  temporaryHome,
} from "./scripts.ts";

export const daemons = {
  manager: "flame-session-manager",
  node: "flame-executor-manager",
  cache: "flame-object-cache",
} as const;

/** What is merged into the configuration of a cluster. */
export interface ClusterConfig {
  readonly cluster?: Readonly<Record<string, unknown>>;
}

/** A cluster to measure, of our own or of somebody else. */
export interface BenchCluster {
  /** `http://HOST:PORT` of the session manager. */
  readonly endpoint: string;
  /** For clients: with it they find this cluster, and nothing of the developer's own settings. */
  readonly env: NodeJS.ProcessEnv;
  /** A program of `bin`. */
  readonly program: (name: string) => string;
  /** The Python that has flamepy. */
  readonly python: string;
  /** Process ids of the daemons; undefined for a cluster that somebody else started. */
  readonly pids: { readonly [K in keyof typeof daemons]: number } | undefined;
  /** Where its one node serves its metrics; undefined for a cluster that somebody else started. */
  readonly nodeMetrics: string | undefined;
  /** A gauge of the session manager's metrics; undefined where it has none. */
  gauge(name: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

/** The Python of a home that services run with. */
export const pythonOf = (home: string): string => join(home, "work/flmrun/.venv/bin/python");

/** Starts `flame up` in a home and on ports of its own. */
export async function startOwnCluster(
  prepared: string,
  config: ClusterConfig = {},
  env: NodeJS.ProcessEnv = {},
): Promise<BenchCluster> {
  const { home, remove } = await temporaryHome(prepared);
  try {
    const { args, ports } = await configured(home, config);
    const base = { ...environment(), FLAME_HOME: home };
    const cluster = await startCluster({ home, args, env: { ...base, ...env } });
    const endpoint = `http://127.0.0.1:${ports.frontend}`;
    const pids = {
      manager: pidOf(home, daemons.manager),
      node: pidOf(home, daemons.node),
      cache: pidOf(home, daemons.cache),
    };
    const metrics = publishedBy(home, daemons.manager)?.metrics;
    return {
      endpoint,
      env: {
        ...base,
        HOME: home,
        FLAME_ENDPOINT: endpoint,
        FLAME_CACHE_ENDPOINT: `grpc://127.0.0.1:${ports.cache}`,
      },
      program: (name) => join(home, "bin", name),
      python: pythonOf(home),
      pids,
      nodeMetrics: publishedBy(home, daemons.node)?.metrics,
      gauge: (name) => gaugeAt(metrics, name),
      stop: async () => {
        await cluster.stop();
        await remove();
      },
    };
  } catch (failure) {
    await remove();
    throw failure;
  }
}

/** The cluster of `--endpoint`; clients take its cache and credentials from the environment. */
export function foreignCluster(prepared: string, endpoint: string): BenchCluster {
  return {
    endpoint,
    env: { ...environment(), FLAME_HOME: prepared, FLAME_ENDPOINT: endpoint },
    program: (name) => join(prepared, "bin", name),
    python: pythonOf(prepared),
    pids: undefined,
    nodeMetrics: undefined,
    gauge: async () => undefined,
    stop: async () => undefined,
  };
}

async function configured(home: string, config: ClusterConfig) {
  // YAML takes JSON.
  writeFileSync(join(home, "conf/flame-cluster.yaml"), JSON.stringify(config));
  return configuration({ home, first: await freePorts(3) });
}

function pidOf(home: string, name: string): number {
  const pid = publishedBy(home, name)?.pid;
  if (pid === undefined) throw new Error(`${name} ended as soon as its cluster was up`);
  return pid;
}

async function gaugeAt(metrics: string | undefined, name: string): Promise<number | undefined> {
  if (metrics === undefined) return undefined;
  const text = await (await fetch(metrics)).text();
  const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1];
  return value === undefined ? undefined : Number(value);
}

/** CPU so far by process; services that ended are their executor manager's ended children, clients ours. */
export function cpuOf(
  { pids }: BenchCluster,
  snapshot: CpuSnapshot = cpuSnapshot(),
): CpuByProcess | undefined {
  if (pids === undefined) return undefined;
  const node = ownMs(snapshot, pids.node);
  return {
    manager: treeMs(snapshot, [pids.manager]),
    node,
    services: treeMs(snapshot, [pids.node]) - node,
    client: endedMs(snapshot, process.pid),
  };
}

/** Reads the CPU so far, where the processes of the cluster are known. */
export function cpuReader(cluster: BenchCluster): { readonly cpu?: () => CpuByProcess } {
  const first = cpuOf(cluster);
  return first === undefined ? {} : { cpu: () => cpuOf(cluster) ?? first };
}

const serveDeadlineMs = 600_000;
const pollMs = 1;

/** A session manager alone, without nodes and cache, in a home of its own that stays over restarts. */
export class ManagerAlone {
  readonly #prepared: string;
  readonly #remove: () => Promise<void>;
  readonly #args: readonly string[];
  readonly home: string;
  /** `HOST:PORT` */
  readonly address: string;
  #running: { readonly pid: number; readonly stop: () => Promise<void> } | undefined;

  private constructor(
    prepared: string,
    { home, remove }: { home: string; remove: () => Promise<void> },
    { args, port }: { args: readonly string[]; port: number },
  ) {
    this.#prepared = prepared;
    this.#remove = remove;
    this.#args = args;
    this.home = home;
    this.address = `127.0.0.1:${port}`;
  }

  static async prepare(prepared: string, config: ClusterConfig = {}): Promise<ManagerAlone> {
    const temporary = await temporaryHome(prepared);
    try {
      const { args, ports } = await configured(temporary.home, config);
      return new ManagerAlone(prepared, temporary, { args, port: ports.frontend });
    } catch (failure) {
      await temporary.remove();
      throw failure;
    }
  }

  get pid(): number {
    if (this.#running === undefined) throw new Error("this session manager does not run");
    return this.#running.pid;
  }

  /** From exec to the moment when it says that it serves, in milliseconds. */
  async start(): Promise<number> {
    const { child, ended } = this.#spawn();
    const from = performance.now();
    const stop = async (): Promise<void> => {
      child.kill("SIGTERM");
      await ended;
    };
    this.#running = { pid: child.pid ?? 0, stop };
    while (publishedBy(this.home, daemons.manager)?.pid !== child.pid) {
      const over = child.exitCode !== null || child.signalCode !== null;
      if (over || performance.now() - from > serveDeadlineMs) {
        child.kill("SIGKILL");
        throw new Error(`the session manager did not start in ${this.home}`);
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    return performance.now() - from;
  }

  /** FLAME_BENCH_CPU_PROFILE=FOLDER writes a CPU profile of each one there, without what its launcher says to Node. */
  #spawn() {
    const profile = environment()["FLAME_BENCH_CPU_PROFILE"];
    const program = join(this.#prepared, `lib/flame/dist/bin/${daemons.manager}.js`);
    const [command, ...flags] =
      profile === undefined
        ? [join(this.#prepared, "bin", daemons.manager)]
        : [
            process.execPath,
            "--cpu-prof",
            `--cpu-prof-dir=${join(profile, daemons.manager)}`,
            program,
          ];
    mkdirSync(join(this.home, "conf/applications"), { recursive: true });
    const child = spawn(command, [...flags, ...this.#args], {
      env: { ...environment(), FLAME_HOME: this.home },
      stdio: ["ignore", "ignore", "inherit"],
    });
    return { child, ended: new Promise((resolve) => child.once("close", resolve)) };
  }

  /** What it tells as metrics, as text. */
  async scrape(): Promise<string> {
    const metrics = publishedBy(this.home, daemons.manager)?.metrics;
    if (metrics === undefined) throw new Error("this session manager tells no metrics");
    return (await fetch(metrics)).text();
  }

  async stop(): Promise<void> {
    await this.#running?.stop();
    this.#running = undefined;
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#remove();
  }
}

/** CPU time that a process has used so far, in milliseconds. */
export const processCpuMs = (pid: number): number => ownMs(cpuSnapshot(), pid);
