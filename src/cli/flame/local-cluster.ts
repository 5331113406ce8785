import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { Env } from "../../config/env.ts";
import { flameHomeAt } from "../../config/flame-home.ts";
import { loadClusterConfig } from "../../config/load-cluster-config.ts";
import type { Clock } from "../../kit/clock.ts";
import { Releasers } from "../../kit/releasers.ts";
import { FlameError } from "../../model/errors.ts";
import { startGroupReaper } from "../../process/group-reaper.ts";
import { acquireInstanceLock, findInstance } from "../../process/instance-lock.ts";
import { version } from "../version.ts";
import { clientSettings } from "./client-settings.ts";
import { type DaemonName, daemonCommand, daemonNames, listeners } from "./daemons.ts";
import { refuseTakenPorts } from "./free-ports.ts";
import { SupervisedDaemon } from "./supervised-daemon.ts";

/** The name under which `flame up` holds its home. */
export const supervisorName = "flame";

export interface LocalClusterOptions {
  /** FLAME_HOME. */
  readonly home: string;
  /** flame-cluster.yaml to read, from the working directory on; absent: where the daemons look for it. */
  readonly configFile?: string;
  /** What the daemons inherit; FLAME_HOME is set to `home`. */
  readonly env: Env;
  /** Folder of the built programs, for a home without launchers of its own. */
  readonly programsFolder: string;
  readonly clock: Clock;
  /** Told in a sentence when a daemon serves, ends by itself or serves again. */
  readonly onEvent: (text: string) => void;
  /** Aborting ends a start that is under way; a cluster that serves is ended by `close`. */
  readonly signal?: AbortSignal;
}

/** The daemons of one machine, running under supervision. */
export interface LocalCluster {
  /** Where each daemon serves. */
  readonly endpoints: Readonly<Record<DaemonName, string>>;
  /** The session manager's address for clients. */
  readonly endpoint: string;
  /** What clients on this machine have to be told, as `VARIABLE=VALUE`; empty where they look anyway. */
  readonly clientSettings: readonly string[];
  /** Stops the daemons in the opposite order of their start. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts object cache, session manager and executor manager of a home and keeps them running. When all serve,
 * `FLAME_HOME/run/flame.json` says so.
 * @throws FlameError already_exists for a second start in the same home, invalid_config for a taken port or a
 *   daemon that ends at start, aborted on `signal`; what was started by then is stopped.
 */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const releasers = new Releasers();
  try {
    return await start(options, releasers);
  } catch (failure) {
    await releasers.close();
    throw failure;
  }
}

async function start(options: LocalClusterOptions, releasers: Releasers): Promise<LocalCluster> {
  const home = flameHomeAt(options.home);
  const env = environment(options.env, home.root);
  const config = loadClusterConfig({ path: options.configFile, env });
  for (const warning of config.warnings) options.onEvent(`Warning: ${warning}`);
  const lock = await acquireInstanceLock({ home: home.root, name: supervisorName, version });
  releasers.add("the lock of the home", () => lock.release());
  await refuseRunningDaemons(home.root);
  await refuseTakenPorts(listeners(config), config.source);
  await mkdir(home.logs, { recursive: true });
  const reaper = startGroupReaper();
  releasers.add("the reaper", () => reaper.close());

  const daemon = (name: DaemonName): SupervisedDaemon =>
    new SupervisedDaemon({
      name,
      ...commandOf(name, options, home.bin),
      home: home.root,
      logs: home.logs,
      env,
      ...(name === "flame-executor-manager" ? { drainMs: config.executors.drainMs } : {}),
      clock: options.clock,
      reaper,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onEvent: options.onEvent,
    });
  const begin = async (name: DaemonName): Promise<string> => {
    const started = daemon(name);
    releasers.add(name, () => started.stop());
    const endpoint = await started.start();
    options.onEvent(`${name} serves: ${endpoint}`);
    return endpoint;
  };
  const [cache, manager] = await both(begin("flame-object-cache"), begin("flame-session-manager"));
  const endpoints = {
    "flame-object-cache": cache,
    "flame-session-manager": manager,
    // The nodes' side comes last: it registers with a session manager that serves.
    "flame-executor-manager": await begin("flame-executor-manager"),
  };
  const endpoint = config.cluster.endpoint.url;
  await lock.publish(endpoint);
  return {
    endpoints,
    endpoint,
    clientSettings: clientSettings(config),
    close: () => releasers.close(),
  };
}

/** Waits for both even when one fails, so that nothing is started behind the back of a clean-up. */
async function both<T>(first: Promise<T>, second: Promise<T>): Promise<[T, T]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}

function commandOf(
  name: DaemonName,
  options: LocalClusterOptions,
  bin: string,
): { command: string; args: string[] } {
  const { command, args } = daemonCommand(name, { bin, programsFolder: options.programsFolder });
  // The daemons' own working directory is the home.
  const config = options.configFile === undefined ? [] : ["--config", resolve(options.configFile)];
  return { command, args: [...args, ...config] };
}

/** A daemon that was started by hand, or outlived its supervisor, is not ours to use. */
async function refuseRunningDaemons(home: string): Promise<void> {
  const running: string[] = [];
  for (const name of daemonNames) {
    const instance = await findInstance(home, name);
    if (instance !== undefined) running.push(`${name} (process ${instance.pid})`);
  }
  if (running.length === 0) return;
  throw new FlameError(
    "already_exists",
    `${running.join(", ")} already runs in "${home}" without flame up; end it first, or use another FLAME_HOME`,
  );
}

function environment(env: Env, home: string): Record<string, string> {
  const set = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { ...Object.fromEntries(set), FLAME_HOME: home };
}
