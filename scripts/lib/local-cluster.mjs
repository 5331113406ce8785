import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { freePorts, isFree } from "./ports.mjs";
import { SetupError } from "./progress.mjs";

/** By the names of the files in which they say that they serve; `flame` is the supervisor, when all do. */
const instances = [
  "flame",
  "flame-session-manager",
  "flame-object-cache",
  "flame-executor-manager",
];
const linked = ["bin", "lib", "sdk", "wheels", "work"];
const own = ["conf", "data", "logs", "run"];

/** Ports of a cluster that begins at `first`: backend one above the frontend, the cache after both. */
const portsFrom = (first) => ({ frontend: first, backend: first + 1, cache: first + 2 });
const defaultPorts = { frontend: 8080, backend: 8081, cache: 9090 };

/**
 * A home of its own for a short while, which shares the programs and environments of a prepared one.
 * @returns {Promise<{ home: string, remove: () => Promise<void> }>}
 */
export async function temporaryHome(prepared) {
  const home = await mkdtemp(join(tmpdir(), "flame-check-"));
  for (const name of linked) symlinkSync(join(prepared, name), join(home, name));
  for (const name of own) mkdirSync(join(home, name));
  return { home, remove: () => rm(home, { recursive: true, force: true, maxRetries: 5 }) };
}

/**
 * The configuration to start with, and its ports. An own file of the home is used as it is.
 * @param {{ home: string, first?: number }} options `first`: begin at this port whatever the file says
 */
export async function configuration({ home, first }) {
  const file = join(home, "conf/flame-cluster.yaml");
  const { parse, stringify } = await import("yaml");
  const written = existsSync(file) ? (parse(readFileSync(file, "utf8")) ?? {}) : {};
  if (first === undefined) {
    return { args: existsSync(file) ? ["--config", file] : [], ports: portsOf(written) };
  }
  const ports = portsFrom(first);
  const moved = {
    ...written,
    cluster: { ...written.cluster, endpoint: `http://127.0.0.1:${ports.frontend}` },
    cache: { ...written.cache, endpoint: `grpc://127.0.0.1:${ports.cache}` },
  };
  const movedFile = join(home, "run/flame-cluster.yaml");
  writeFileSync(movedFile, stringify(moved));
  return { args: ["--config", movedFile], ports };
}

export const chooseFreePorts = () => freePorts(3);

function portsOf({ cluster, cache }) {
  const frontend = portIn(cluster?.endpoint) ?? defaultPorts.frontend;
  return { frontend, backend: frontend + 1, cache: portIn(cache?.endpoint) ?? defaultPorts.cache };
}

const portIn = (endpoint) => {
  const port = /:(\d+)\/?$/.exec(endpoint ?? "")?.[1];
  return port === undefined ? undefined : Number(port);
};

/** The supervisor and the daemons that serve in this home. */
export const runningIn = (home) =>
  instances.flatMap((name) => {
    const entry = publishedBy(home, name);
    return entry === undefined ? [] : [{ name, ...entry }];
  });

/** @throws SetupError when a cluster of this home is up already */
export function refuseSecondStart(home) {
  const [running] = runningIn(home);
  if (running === undefined) return;
  throw new SetupError(
    `Flame is already running in ${home} (process ${running.pid}, ${running.endpoint}).\n` +
      "What to do: use it, or end it with Ctrl-C where it was started, and run the same command again.",
  );
}

/**
 * @param ports of the cluster
 * @param words `npm start -- ` and the arguments that were given beside the port
 * @throws SetupError naming each taken port, what wanted it, and one where three are free
 */
export async function refuseTakenPorts(ports, words) {
  const taken = [];
  for (const [name, port] of Object.entries(ports)) {
    if (!(await isFree(port))) taken.push(`port ${port} of 127.0.0.1 (${name}) is taken`);
  }
  if (taken.length === 0) return;
  throw new SetupError(
    `${taken.join("; ")} by another program.\n` +
      `What to do: end that program, or begin at another port: ${words}--port ${await freePorts(3)}`,
  );
}

/** What a live daemon of the home says about itself. */
export function publishedBy(home, name) {
  const file = join(home, "run", `${name}.json`);
  if (!existsSync(file)) return undefined;
  try {
    const entry = JSON.parse(readFileSync(file, "utf8"));
    process.kill(entry.pid, 0);
    return entry.endpoint === undefined ? undefined : entry;
  } catch {
    return undefined;
  }
}

/**
 * Starts `flame up` and waits until it says that every daemon serves, or until it has ended after `stop`. What it
 * tells meanwhile and later, such as what is waited for, goes to `tell`, line by line.
 * @param {{ first: Promise<number>, second: Promise<number> }} [options.interruption] the first one ends it in order, the second
 *   one at once
 * @returns {Promise<{ exited: Promise<number>, clientsNeed?: string, stop: () => Promise<number> }>} `clientsNeed` is
 *   what a client in another terminal has to set
 * @throws SetupError with what it printed when it ends by itself before it serves
 */
export async function startCluster({ home, args, env, interruption, tell }) {
  const child = spawn(join(home, "bin/flame"), ["up", ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    // In a group of its own: Ctrl-C is for us, and we end it in order.
    detached: true,
  });
  const printed = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (line.startsWith("Error:")) printed.push(line);
    // What `flame up` says of its own Ctrl-C, and of daemons that serve, we say in our words.
    else if (!line.startsWith("stopping") && !line.includes(" serves: ")) tell?.(line);
  });
  const serves = new Promise((resolve) => {
    let clientsNeed;
    createInterface({ input: child.stdout }).on("line", (line) => {
      clientsNeed ??= /^Clients need: (.*)$/.exec(line)?.[1];
      // Both lines are one write: the second one has come when others have their turn.
      if (line.startsWith("Flame is up")) setImmediate(() => resolve({ clientsNeed }));
    });
  });
  const exited = new Promise((resolve) => {
    child.once("error", (failure) => {
      printed.push(failure.message);
      resolve(1);
    });
    // On close, not on exit: by then all that it printed has arrived.
    child.once("close", (code) => resolve(code ?? 1));
  });
  let stopped = false;
  const stop = () => {
    // A second TERM would end it at once.
    if (!stopped) child.kill("SIGTERM");
    stopped = true;
    return exited;
  };
  interruption?.first.then(stop);
  // Its daemons end with it, by force.
  interruption?.second.then(() => child.kill("SIGKILL"));
  const began = await Promise.race([serves, exited]);
  if (typeof began === "number" && !stopped) {
    throw new SetupError(`the cluster did not start:\n${printed.join("\n")}`);
  }
  return { exited, clientsNeed: began.clientsNeed, stop };
}

/** Removes what a moved configuration left in the home. */
export const forgetMovedConfiguration = (home) =>
  rmSync(join(home, "run/flame-cluster.yaml"), { force: true });
