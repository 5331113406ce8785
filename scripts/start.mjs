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

const usage = `usage: npm start -- [--port PORT] [--home DIR] [--check]

Prepares this checkout, starts a cluster on this machine, and runs examples/sum.py on it. It stays up until Ctrl-C.

  --port PORT  the session manager's port; the nodes' port and the object cache's are the next two (default: 8080, 8081 and 9090)
  --home DIR   keeps programs, environments and data in another home (default: .flame of the checkout)
  --check      in a home and on ports of its own; ends at once, with 0 only if the sum was right
  --help       print this text`;

/** @throws SetupError for what is no option */
function readArguments() {
  try {
    return parseArgs({
      options: {
        check: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        home: { type: "string", default: join(root, ".flame") },
        port: { type: "string" },
      },
    }).values;
  } catch ({ message }) {
    throw new SetupError(`${message}\nWhat to do: see npm start -- --help`);
  }
}

function options(values) {
  const first = values.port === undefined ? undefined : Number(values.port);
  if (first !== undefined && !(Number.isInteger(first) && first >= 1 && first <= 65_533)) {
    throw new SetupError(`--port ${values.port}: expected a port from 1 to 65533`);
  }
  const given = process.argv.slice(2).join(" ");
  // The command to type with another port: as it was, without the port.
  const others = given.replace(/--port[= ]\S+ ?/, "").trim();
  const words = `npm start -- ${others === "" ? "" : `${others} `}`;
  return { check: values.check, home: resolve(values.home), first, words };
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
async function show({ home, ports, env, clientsNeed }) {
  const python = join(home, "work/flmrun/.venv/bin/python");
  const endpoint = `http://127.0.0.1:${ports.frontend}`;
  print();
  print(`session manager   ${endpoint} (nodes: port ${ports.backend})`);
  print(`object cache      grpc://127.0.0.1:${ports.cache}`);
  print(`home              ${shown(home)}`);
  print();
  const flmctl = join(home, "bin/flmctl");
  const settings = clientsNeed === undefined ? "" : `${clientsNeed.replace(/^export /, "")} `;
  print(`$ ${settings}${shown(flmctl)} list app`);
  const list = await runToEnd([flmctl, "list", "app"], { env });
  if (list.code !== 0) throw new SetupError(`flmctl list app failed: ${list.stderr.trim()}`);
  print(list.stdout.trimEnd());
  print();
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
async function serve({ home, first, check, interruption, words }) {
  const { args, ports } = await configuration({ home, first });
  await refuseTakenPorts(ports, words);
  const env = clientEnvironment(home, ports);
  const cluster = await startCluster({
    home,
    args,
    env: { ...process.env, FLAME_HOME: home },
    interruption,
    tell: (line) => process.stderr.write(`${line}\n`),
  });
  const interrupted = interruption.first;
  try {
    const shownOrNot = show({ home, ports, env, clientsNeed: cluster.clientsNeed });
    const early = await Promise.race([
      shownOrNot.then(() => undefined),
      cluster.exited.then((code) => code || 1),
      interrupted,
    ]);
    // Whatever the sum still says after an interruption is of no interest.
    if (early !== undefined) shownOrNot.catch(() => undefined);
    if (check || early !== undefined) return early ?? 0;
    print();
    print("The cluster is up until Ctrl-C.");
    if (cluster.clientsNeed !== undefined) {
      print(`In another terminal, clients need: ${cluster.clientsNeed}`);
    }
    // From here on, being told to end is the expected end.
    return await Promise.race([cluster.exited, interrupted.then(() => 0)]);
  } finally {
    await cluster.stop();
    forgetMovedConfiguration(home);
  }
}

/** A signal of the terminal reaches us twice when npm passes it on: what comes within this time is one Ctrl-C. */
const oneInterruptionMs = 500;

/**
 * Being told to end, once and again; each resolves with what shells expect of a program that was ended by Ctrl-C, a
 * closed terminal or a kill.
 */
function interruptions() {
  let toldAt;
  const [first, second] = ["first", "second"].map(() => {
    const one = {};
    one.promise = new Promise((resolve) => {
      one.resolve = resolve;
    });
    return one;
  });
  const told = (code) => {
    if (toldAt === undefined) {
      toldAt = performance.now();
      process.stderr.write("stopping; a second Ctrl-C ends everything at once\n");
      first.resolve(code);
    } else if (performance.now() - toldAt > oneInterruptionMs) second.resolve(code);
  };
  const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
  for (const [signal, code] of Object.entries(codes)) process.on(signal, () => told(code));
  return { first: first.promise, second: second.promise };
}

async function main() {
  const values = readArguments();
  if (values.help) {
    print(usage);
    return 0;
  }
  const { check, home, first, words } = options(values);
  if (!check) refuseSecondStart(home);
  await setUp({ home });
  const interruption = interruptions();
  if (!check) return serve({ home, first, check, interruption, words });
  const temporary = await temporaryHome(home);
  const port = first ?? (await chooseFreePorts());
  try {
    return await serve({ home: temporary.home, first: port, check, interruption, words });
  } finally {
    await temporary.remove();
  }
}

await runMain(main);
