// What scripts/install.sh runs once its arguments are right: installs this checkout into a FLAME_HOME.
//   node scripts/install.mjs PREFIX [GROUP-OF-OPERATORS]
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import {
  foldersNotOpenToOthers,
  refuseForeignFolder,
  refuseUnwritable,
} from "./lib/install-target.mjs";
import { runningIn } from "./lib/local-cluster.mjs";
import { refuseUnknownGroup, writeOperators } from "./lib/operators.mjs";
import { root } from "./lib/paths.mjs";
import { note, runMain, SetupError } from "./lib/progress.mjs";
import { ensureShare } from "./lib/share.mjs";
import { setUp } from "./setup.mjs";

const print = (text = "") => process.stdout.write(`${text}\n`);

/** @throws SetupError while programs of the installation run: they would find half of each version */
function refuseWhileRunning(prefix) {
  const running = runningIn(prefix).map(({ name, pid }) => `${name} (process ${pid})`);
  if (running.length === 0) return;
  throw new SetupError(
    `${running.join(", ")} runs in ${prefix}.\n` +
      `What to do: end it (${join(prefix, "bin/flame")} down, or systemctl stop), run the same command again, and ` +
      "start it again. Sessions and tasks are kept.",
  );
}

/** An interpreter in somebody's home folder is no use to daemons of another user. */
function warnOfClosedFolders(what, program) {
  const [closed] = foldersNotOpenToOthers(program);
  if (closed === undefined) return;
  note(
    `Warning: ${what} is ${program}, and ${closed} is closed to other users: daemons can only run as this user. ` +
      `For another one, install with a ${what} from elsewhere${what === "Python" ? " (FLAME_PYTHON)" : ""}.`,
  );
}

async function main() {
  const prefix = resolve(process.argv[2] ?? "");
  refuseForeignFolder(prefix, root);
  refuseUnwritable(prefix);
  refuseWhileRunning(prefix);
  const operators = process.argv[3] ?? "";
  if (operators !== "") refuseUnknownGroup(operators);
  const started = performance.now();
  const { python } = await setUp({ home: prefix });
  await ensureShare({ root, home: prefix });
  if (operators !== "") writeOperators(prefix, operators);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  warnOfClosedFolders("node", process.execPath);
  warnOfClosedFolders("Python", python);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  print(`Flame ${version} is installed in ${prefix} (${seconds} s).`);
  print(
    `  node    ${process.execPath} (${process.version}; the first node on PATH where this one is gone)`,
  );
  print(`  Python  ${python}`);
  print(
    `Start it with ${join(prefix, "bin/flame")} up, or with the units in ${join(prefix, "share/systemd")}.`,
  );
}

await runMain(main);
