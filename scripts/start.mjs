// npm start: prepares everything, starts a cluster on this machine, and runs examples/sum.py on it.
//   npm start                  stays up until Ctrl-C, in .flame of the checkout
//   npm start -- --port 18080  begins at another port (frontend; backend and cache take the next two)
//   npm start -- --home DIR    keeps programs, environments and data in another home
//   npm start -- --check       in a home and on ports of its own; exits 0 only if the sum was right
import { join, relative, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import {
  chooseFreePorts,
  configuration,
  forgetMovedConfiguration,
  refuseSecondStart,
  refuseTakenPorts,
  startCluster,
  temporaryHome,
} from "./lib/local-cluster.mjs";
import { root } from "./lib/paths.mjs";
import { runMain, SetupError } from "./lib/progress.mjs";
import { runToEnd } from "./lib/run.mjs";
import { setUp } from "./setup.mjs";

const program = join(root, "examples/sum.py");
const sumDeadlineMs = 120_000;
const print = (text = "") => process.stdout.write(`${text}\n`);
const shown = (path) => {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
};

function options() {
  const { values } = parseArgs({
    options: {
      check: { type: "boolean", default: false },
      home: { type: "string", default: join(root, ".flame") },
      port: { type: "string" },
    },
  });
  const first = values.port === undefined ? undefined : Number(values.port);
  if (first !== undefined && !(Number.isInteger(first) && first >= 1 && first <= 65_533)) {
    throw new SetupError(`--port ${values.port}: expected a port from 1 to 65533`);
  }
  return { check: values.check, home: resolve(values.home), first };
}

/** Runs what the README begins with, as a client program of the cluster. */
async function runSum(python, env) {
  const { code, stdout, stderr } = await runToEnd([python, program], {
    env,
    timeoutMs: sumDeadlineMs,
  });
  if (code === 0 && stdout.trim() === "3") return;
  throw new SetupError(
    `${shown(program)} should print 3; it printed ${JSON.stringify(stdout.trim())} and ended with ` +
      `exit code ${code}\n${stderr.trim()}`,
  );
}

/** What the person sees once everything serves; ends with the proof that it works. */
async function show({ home, ports, env, moved }) {
  const python = join(home, "work/flmrun/.venv/bin/python");
  const endpoint = `http://127.0.0.1:${ports.frontend}`;
  print();
  print(`session manager   ${endpoint} (nodes: port ${ports.backend})`);
  print(`object cache      grpc://127.0.0.1:${ports.cache}`);
  print(`home              ${shown(home)}`);
  print();
  const flmctl = join(home, "bin/flmctl");
  print(`$ ${moved ? `FLAME_ENDPOINT=${endpoint} ` : ""}${shown(flmctl)} list app`);
  const list = await runToEnd([flmctl, "list", "app"], { env });
  if (list.code !== 0) throw new SetupError(`flmctl list app failed: ${list.stderr.trim()}`);
  print(list.stdout.trimEnd());
  print();
  const settings = moved
    ? `FLAME_ENDPOINT=${endpoint} FLAME_CACHE_ENDPOINT=grpc://127.0.0.1:${ports.cache} `
    : "";
  print(`$ ${settings}${shown(python)} ${shown(program)}`);
  await runSum(python, env);
  print("sum(1, 2) = 3");
}

function clientEnvironment(home, ports) {
  return {
    ...process.env,
    FLAME_HOME: home,
    FLAME_ENDPOINT: `http://127.0.0.1:${ports.frontend}`,
    FLAME_CACHE_ENDPOINT: `grpc://127.0.0.1:${ports.cache}`,
  };
}

/** Starts the cluster, shows that it works, and ends it: at once with --check, else when told to. */
async function serve({ home, first, check, interrupted }) {
  const { args, ports } = await configuration({ home, first });
  await refuseTakenPorts(ports);
  const env = clientEnvironment(home, ports);
  const cluster = await startCluster({ home, args, env: { ...process.env, FLAME_HOME: home } });
  try {
    const shownOrNot = show({ home, ports, env, moved: first !== undefined });
    const early = await Promise.race([
      shownOrNot.then(() => undefined),
      cluster.exited,
      interrupted,
    ]);
    // Whatever the sum still says after an interruption is of no interest.
    if (early !== undefined) shownOrNot.catch(() => undefined);
    if (check || early !== undefined) return early ?? 0;
    print();
    print("The cluster is up until Ctrl-C.");
    // From here on, being told to end is the expected end.
    return await Promise.race([cluster.exited, interrupted.then(() => 0)]);
  } finally {
    await cluster.stop();
    forgetMovedConfiguration(home);
  }
}

/** Resolves with what shells expect of a program that was ended by Ctrl-C, a closed terminal or a kill. */
const interruption = () =>
  new Promise((resolve) => {
    process.on("SIGHUP", () => resolve(129));
    process.on("SIGINT", () => resolve(130));
    process.on("SIGTERM", () => resolve(143));
  });

async function main() {
  const { check, home, first } = options();
  if (!check) refuseSecondStart(home);
  await setUp({ home });
  const interrupted = interruption();
  if (!check) return serve({ home, first, check, interrupted });
  const temporary = await temporaryHome(home);
  const port = first ?? (await chooseFreePorts());
  try {
    return await serve({ home: temporary.home, first: port, check, interrupted });
  } finally {
    await temporary.remove();
  }
}

await runMain(main);
