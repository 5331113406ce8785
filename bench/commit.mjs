// npm run bench -- commit: tasks that a session manager makes durable, and what another client waits meanwhile, with
// 0, 2 and 10 ms added to each commit: on the event loop, as it is, or beside it, as a writer thread would have it.
// "Beside" frees the loop of the added time alone: the statements stay on it, and what a thread costs is not counted.
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  chooseFreePorts,
  configuration,
  publishedBy,
  temporaryHome,
} from "../scripts/lib/local-cluster.mjs";
import { root } from "../scripts/lib/paths.mjs";
import { runMain, SetupError } from "../scripts/lib/progress.mjs";
import { setUp } from "../scripts/setup.mjs";
import { bundleFor, probed, spread, startLoad } from "./overload/driver.mjs";

const delaysMs = [0, 2, 10];
const places = ["loop", "beside"];
const sessions = 100;
const tasks = 20_000;
const serveDeadlineMs = 30_000;

async function startServer(server, { home, args }, [place, delayMs]) {
  const child = spawn(process.execPath, [server, ...args], {
    env: {
      ...process.env,
      FLAME_HOME: home,
      FLAME_BENCH_COMMIT: place,
      FLAME_BENCH_COMMIT_MS: String(delayMs),
    },
    stdio: "ignore",
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = () => {
    child.kill("SIGTERM");
    return exited;
  };
  const deadline = performance.now() + serveDeadlineMs;
  while (publishedBy(home, "flame-session-manager")?.pid !== child.pid) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new SetupError("the session manager did not start");
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return stop;
}

/** One row: a session manager of its own, with an empty database. */
async function measure(prepared, server, program, how) {
  const { home, remove } = await temporaryHome(prepared);
  try {
    const { args, ports } = await configuration({ home, first: await chooseFreePorts() });
    const stop = await startServer(server, { home, args }, how);
    try {
      const address = `127.0.0.1:${ports.frontend}`;
      await startLoad(program, "sessions", address, [sessions]).outcome;
      const [{ answered, seconds }, probe] = await probed(
        program,
        address,
        () => startLoad(program, "tasks", address, [tasks, sessions]).outcome,
      );
      return [...how, Math.round(answered / seconds), spread(probe), loadavg()[0].toFixed(1)];
    } finally {
      await stop();
    }
  } finally {
    await remove();
  }
}

async function main() {
  const prepared = (await setUp()).home;
  // As deep below the root as the programs of dist: they find what is installed from where they are.
  const folder = join(root, "dist/bench");
  const [server, program] = [join(folder, "server.mjs"), join(folder, "program.mjs")];
  const print = (row) => process.stdout.write(`| ${row.join(" | ")} |\n`);
  try {
    await bundleFor(server, "bench/commit/server.ts");
    await bundleFor(program, "bench/overload/program.ts");
    print([
      `commit, on ${cpus().length} cores`,
      "ms more",
      "tasks/s",
      "another client, ms",
      "load",
    ]);
    print(["---", "---", "---", "---", "---"]);
    for (const delayMs of delaysMs)
      for (const place of places) print(await measure(prepared, server, program, [place, delayMs]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await runMain(main);
