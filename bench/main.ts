import { existsSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { killChildren } from "./house/child.ts";
import { pythonOf } from "./house/cluster.ts";
import { cpuSnapshot, othersShare } from "./house/cpu.ts";
import { readResults, writeTable } from "./house/document.ts";
import { House } from "./house/house.ts";
import { machine } from "./house/machine.ts";
import { help, type Options, parseOptions, UsageError } from "./house/options.ts";
import { ensurePeers } from "./house/peer-packages.mjs";
import { report } from "./house/report.ts";
import type { Results } from "./house/results.ts";
import { measure } from "./house/runner.ts";
import { catalogue } from "./rows/catalogue.ts";
import { fdatasyncP50 } from "./rows/machine.ts";

/** The checkout: this file is bundled two folders below it. */
const checkout = resolve(import.meta.dirname, "../..");
const syncs = 500;

interface Prepared {
  /** Folder of the bundled clients. */
  readonly folder: string;
  /** Home with the built programs. */
  readonly home: string;
}

const tell = (line: string): void => void process.stderr.write(`bench: ${line}\n`);

/** The whole of `npm run bench`: runs one command line, tells its exit code. */
export async function bench(argv: readonly string[], prepared: Prepared): Promise<number> {
  try {
    const options = parseOptions(argv, catalogue);
    if (options.show === "help") return shown(help);
    if (options.show === "list") return shown(listed());
    if (options.writeDocs !== undefined) {
      const results = readResults(options.writeDocs);
      writeTable(join(checkout, "docs/performance.md"), results, catalogue);
      return 0;
    }
    if (options.json !== undefined) refuseUnwritable(options.json);
    return await run(options, prepared, await peersPython(options, prepared));
  } catch (failure) {
    if (!(failure instanceof UsageError)) throw failure;
    process.stderr.write(`Error: ${failure.message}\n`);
    return 2;
  }
}

/** Before anything is measured, so that it disturbs nothing and fails at once. */
async function peersPython({ benches }: Options, { home }: Prepared): Promise<string | undefined> {
  if (!benches.some(({ needs }) => needs === "peers")) return undefined;
  return ensurePeers({
    folder: join(checkout, ".cache/bench-peers"),
    requirements: join(checkout, "bench/peers/requirements.txt"),
    python: pythonOf(home),
    uv: join(home, "bin/uv"),
  });
}

async function run(
  options: Options,
  { folder, home }: Prepared,
  peers: string | undefined,
): Promise<number> {
  const house = new House({ ...options, prepared: home, folder, checkout, peersPython: peers });
  const interrupted = endOnSignal(house);
  try {
    const [sync, from] = [fdatasyncP50(syncs), cpuSnapshot()];
    const { failed, ...measured } = await measure(options.benches, house, options, tell);
    const known = options.endpoint === undefined || options.clusterPids.length > 0;
    const others = known
      ? othersShare(from, cpuSnapshot(), options.clusterPids, house.uncountedMs)
      : null;
    const { rows, circumstances, notReported } = measured;
    const results: Results = {
      rows,
      machine: machine(options.quick, sync, others),
      circumstances,
      notReported,
    };
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
    process.stdout.write(`${report(results, catalogue)}\n`);
    return failed ? 1 : 0;
  } catch (failure) {
    const code = interrupted();
    if (code === undefined) throw failure;
    return code;
  } finally {
    await house.close();
  }
}

function shown(text: string): number {
  process.stdout.write(text);
  return 0;
}

function listed(): string {
  const lines = catalogue.map(({ id, family, rows, onlyWhenNamed }) => {
    const others = rows.flatMap((row) => (row.id === id ? [] : [row.id]));
    const of = family === undefined ? "" : ` (of ${family})`;
    const named = onlyWhenNamed === true ? " [only when named]" : "";
    return `${id}${of}${named}${others.map((other) => `\n  ${other}`).join("")}\n`;
  });
  return lines.join("");
}

/** Said before anything is measured. */
function refuseUnwritable(file: string): void {
  const folder = dirname(resolve(file));
  if (!existsSync(folder))
    throw new UsageError(
      `--json ${file}: got no folder ${folder}, expected a file in one that exists`,
    );
  if (existsSync(file) && !statSync(file).isFile())
    throw new UsageError(`--json ${file}: got something that is no file, expected a file to write`);
}

/** Clusters and clients end with the bench. Gives how to ask which exit code a signal asks for, if one came. */
function endOnSignal(house: House): () => number | undefined {
  let came: number | undefined;
  const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
  for (const [signal, code] of Object.entries(codes)) {
    process.once(signal, () => {
      came = code;
      tell("ending what was started");
      void house.close().finally(() => process.exit(code));
      killChildren();
    });
  }
  return () => came;
}
