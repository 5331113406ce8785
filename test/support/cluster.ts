import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Daemon, type DaemonName } from "./daemon.ts";
import { freePorts } from "./ports.ts";
import { type Finished, preparedHome, pythons, runPython, runToEnd } from "./python.ts";
import { temporaryFolder } from "./temp.ts";

/** In the order in which they are started; they are stopped in the opposite one. */
const allDaemons: readonly DaemonName[] = [
  "flame-session-manager",
  "flame-object-cache",
  "flame-executor-manager",
];
const clusterConfig = "conf/flame-cluster.yaml";
const linked = ["bin", "lib", "sdk", "wheels", "work"];
const own = ["conf", "data", "logs", "run", "tmp", "user"];
const onFailure = Symbol.for("flame.test.onFailure");
const logCharactersShown = 6_000;

type Json = { readonly [key: string]: unknown };

export interface ClusterOptions {
  /** @default all three */
  readonly daemons?: readonly DaemonName[];
  /** Merged over the configuration, key by key; lists are replaced. */
  readonly config?: Json;
  /** Added to the environment of the daemons. */
  readonly env?: NodeJS.ProcessEnv;
  /** Puts something between the executor manager and the session manager; gets and gives a port of a Frontend. */
  readonly betweenNode?: (managerPort: number) => Promise<number>;
}

/** Real daemons on free ports, in a home of their own that shares the prepared programs and environments. */
export interface TestCluster {
  readonly home: string;
  /** `http://127.0.0.1:PORT` */
  readonly endpoint: string;
  /** `grpc://127.0.0.1:PORT` */
  readonly cacheEndpoint: string;
  /** What a client program needs to find this cluster, and nothing of the developer's own settings. */
  readonly env: NodeJS.ProcessEnv;
  daemon(name: DaemonName): Daemon;
  /** Runs a program of the home's `bin` to its end. */
  run(program: string, ...args: string[]): Promise<Finished>;
  /** Runs Python source as a client of this cluster, with our flamepy or the published one. */
  python(
    source: string,
    client?: keyof typeof pythons,
    options?: { deadlineMs?: number },
  ): Promise<Finished>;
  /** Ends every daemon and removes the home. */
  close(): Promise<void>;
}

/** Prepares a cluster without starting any daemon. */
export async function prepareCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const folder = temporaryFolder("home");
  const home = folder.path;
  const port = await freePorts(3);
  const endpoint = `http://127.0.0.1:${port}`;
  const cacheEndpoint = `grpc://127.0.0.1:${port + 2}`;
  const base = { cluster: { name: "test", endpoint }, cache: { endpoint: cacheEndpoint } };
  const config = merge(base, options.config ?? {});
  layOut(home, config);
  const nodeConfig = await nodeConfigFile(home, config, port, options.betweenNode);
  const env = environment(home, endpoint, cacheEndpoint);
  // Temporary files that a daemon leaves go with the home, and can be counted there.
  const daemonEnv = { ...env, TMPDIR: join(home, "tmp") };
  const daemons = new Map(
    allDaemons.map((name) => {
      const file = name === "flame-executor-manager" ? nodeConfig : clusterConfig;
      return [name, new Daemon(name, home, { ...daemonEnv, ...options.env }, file)];
    }),
  );
  const daemon = (name: DaemonName): Daemon => daemons.get(name) as Daemon;
  const forgetFailures = tellOnFailure(() => printLogs([...daemons.values()]));
  return {
    home,
    endpoint,
    cacheEndpoint,
    env,
    daemon,
    run: (program, ...args) => runToEnd(join(home, "bin", program), args, { env }),
    python: (source, client = "ours", options) =>
      runPython(pythons[client], source, { ...options, env }),
    async close() {
      for (const name of [...allDaemons].reverse()) await daemon(name).stop();
      forgetFailures();
      folder.remove();
    },
  };
}

/** Prepares a cluster and starts its daemons, each serving when this resolves. */
export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const cluster = await prepareCluster(options);
  try {
    for (const name of options.daemons ?? allDaemons) await cluster.daemon(name).start();
  } catch (failure) {
    await cluster.close();
    throw failure;
  }
  return cluster;
}

function layOut(home: string, config: Json): void {
  for (const name of linked) symlinkSync(join(preparedHome, name), join(home, name));
  for (const name of own) mkdirSync(join(home, name));
  // JSON is YAML.
  writeFileSync(join(home, clusterConfig), JSON.stringify(config, undefined, 2));
}

/** The configuration that the executor manager reads: the cluster's own unless something stands between. */
async function nodeConfigFile(
  home: string,
  config: Json,
  port: number,
  between: ClusterOptions["betweenNode"],
): Promise<string> {
  if (between === undefined) return clusterConfig;
  const endpoint = `http://127.0.0.1:${await between(port)}`;
  writeFileSync(
    join(home, "conf/node.yaml"),
    JSON.stringify(merge(config, { cluster: { endpoint } })),
  );
  return "conf/node.yaml";
}

function environment(home: string, endpoint: string, cacheEndpoint: string): NodeJS.ProcessEnv {
  const { PATH, LANG, FLAME_TEST_RUN } = process.env;
  return {
    PATH,
    LANG,
    FLAME_TEST_RUN,
    HOME: join(home, "user"),
    FLAME_HOME: home,
    FLAME_ENDPOINT: endpoint,
    FLAME_CACHE_ENDPOINT: cacheEndpoint,
  };
}

function merge(base: Json, over: Json): Json {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isMapping(below) && isMapping(value) ? merge(below, value) : value;
  }
  return merged;
}

const isMapping = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Registers with the test environment (`programs-environment.mjs`); other environments do not tell. */
function tellOnFailure(tell: () => void): () => void {
  const listeners = (globalThis as { [onFailure]?: Set<() => void> })[onFailure];
  listeners?.add(tell);
  return () => listeners?.delete(tell);
}

function printLogs(daemons: readonly Daemon[]): void {
  for (const { name, log } of daemons.map((daemon) => ({ name: daemon.name, log: daemon.log() }))) {
    if (log !== "") process.stderr.write(`---- ${name}\n${log.slice(-logCharactersShown)}\n`);
  }
}
