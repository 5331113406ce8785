// npm run test:fault: real clusters under faults.
//   npm run test:fault -- PATTERN ...             the fault tests whose path matches, or all of them
//   npm run test:fault -- --rounds N [--seed S]   random rounds only: N of them, with the seeds S, S + 1, ...
//   npm run test:fault -- --partitions N [--seed S]   the same with breaks of the network between node and session manager
import process from "node:process";
import { parseArgs } from "node:util";
import { root } from "./lib/paths.mjs";
import { runMain, SetupError } from "./lib/progress.mjs";
import { check } from "./lib/report.mjs";

const usage = "usage: npm run test:fault -- [--rounds N | --partitions N] [--seed S] [PATTERN ...]";

/** @throws SetupError for anything but a whole number */
function wholeNumber(name, text, least) {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return String(number);
  throw new SetupError(
    `--${name}: got "${text}", expected a whole number from ${least} up; ${usage}`,
  );
}

function readArguments(args) {
  const options = {
    rounds: { type: "string" },
    partitions: { type: "string" },
    seed: { type: "string" },
  };
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (cause) {
    throw new SetupError(`${cause.message}; ${usage}`, { cause });
  }
}

async function main() {
  const { values, positionals } = readArguments(process.argv.slice(2));
  const { rounds, partitions, seed } = values;
  const env = {
    NODE_OPTIONS: "--experimental-vm-modules --disable-warning=ExperimentalWarning",
    ...(rounds !== undefined && { FLAME_FAULT_ROUNDS: wholeNumber("rounds", rounds, 1) }),
    ...(partitions !== undefined && {
      FLAME_FAULT_PARTITIONS: wholeNumber("partitions", partitions, 1),
    }),
    ...(seed !== undefined && { FLAME_FAULT_SEED: wholeNumber("seed", seed, 0) }),
  };
  const random = partitions !== undefined ? ["partitions"] : ["random-rounds"];
  const chosen = rounds ?? partitions ?? seed;
  const patterns = positionals.length > 0 || chosen === undefined ? positionals : random;
  const jest = [process.execPath, "node_modules/jest/bin/jest.js", "--selectProjects", "fault"];
  const { ok } = await check("fault tests", [...jest, "--", ...patterns], { cwd: root, env });
  return ok ? 0 : 1;
}

await runMain(main);
