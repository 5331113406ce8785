// npm run test:recipe: CONTRIBUTING's recipe for a new manifest field, walked in a clone with a field that does not exist.
// Each step makes what the recipe says, asks the compiler and the tests what is left, and fails unless they name exactly
// the files that the next step edits. What is not committed is not in the clone.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { root } from "./lib/paths.mjs";
import { announce, runMain, SetupError } from "./lib/progress.mjs";
import * as edits from "./lib/recipe/walk-edits.mjs";
import { run } from "./lib/run.mjs";

/** A command's output, whatever its exit code is. */
function outputOf(folder, [program, ...args], env = {}) {
  const options = { cwd: folder, encoding: "utf8", maxBuffer: 1 << 28 };
  const done = spawnSync(program, args, { ...options, env: { ...process.env, ...env } });
  if (done.error !== undefined) throw done.error;
  return { code: done.status, text: done.stdout + done.stderr };
}

/** Writes a step's lines. @throws SetupError when a line that they belong beside has gone, or has come more often */
function write(folder, step) {
  for (const { file, before, after, times = 1, lines } of step) {
    const path = join(folder, file);
    const mark = before ?? after;
    const old = readFileSync(path, "utf8").split("\n");
    const found = old.filter((line) => mark.test(line)).length;
    if (found !== times)
      throw new SetupError(
        `scripts/lib/recipe/walk-edits.mjs: ${file} has ${found} lines like ${mark}, expected ${times}: correct the walk`,
      );
    const behind = before === undefined;
    const changed = old.flatMap((line) => {
      if (!mark.test(line)) return [line];
      return behind ? [line, ...lines] : [...lines, line];
    });
    writeFileSync(path, changed.join("\n"));
  }
}

/** @throws SetupError unless the files that were named are those of the steps */
function expectNamed(who, named, ...steps) {
  const expected = [...new Set(steps.flat().map(({ file }) => file))].sort();
  const got = [...new Set(named)].sort();
  if (got.join() === expected.join()) return;
  throw new SetupError(
    `${who} names other files than CONTRIBUTING's recipe\n  named:    ${got.join(" ")}\n  expected: ${expected.join(" ")}`,
  );
}

/** The files that do not compile. */
function asked(folder) {
  const { text } = outputOf(folder, ["npx", "tsc", "-p", ".", "--noEmit", "--pretty", "false"]);
  return [...text.matchAll(/^([\w./-]+)\(\d+,\d+\): error/gm)].map(([, file]) => file);
}

/** @throws SetupError when the command's outcome is not the expected one */
function expectRun(folder, what, command, { env, failsWith } = {}) {
  const { code, text } = outputOf(folder, command, env);
  const isExpected = failsWith === undefined ? code === 0 : code !== 0 && text.includes(failsWith);
  if (isExpected) return;
  const wanted = failsWith === undefined ? "to pass" : `to fail with ${JSON.stringify(failsWith)}`;
  throw new SetupError(`${what}: expected ${wanted}, exit code ${code}\n${text.slice(-6_000)}`);
}

async function walk(folder, scratch) {
  const logFile = join(scratch, "log");
  const gen = () => run(["npm", "run", "-s", "gen"], { cwd: folder, logFile });
  const pytest = [
    "sdk/python/scripts/test",
    "-q",
    "tests/test_types.py",
    "tests/test_connection.py",
  ];
  const python = {
    PYTHON: join(folder, ".flame/venvs/sdk-dev/bin/python"),
    // What pytest leaves goes with the rest.
    TMPDIR: scratch,
  };
  await announce("setting the clone up", () =>
    run(["npm", "run", "-s", "set-up"], { cwd: folder, logFile }),
  );
  await announce("step 1: the schema", async () => {
    write(folder, edits.SCHEMA);
    await gen();
    expectNamed("the compiler", asked(folder), edits.AFTER_SCHEMA);
  });
  await announce("steps 3 and 4: the messages, and what the compiler asks for", async () => {
    write(folder, edits.PROTO);
    await gen();
    expectNamed("the compiler", asked(folder), edits.AFTER_SCHEMA, edits.AFTER_PROTO);
    write(folder, edits.AFTER_SCHEMA);
    write(folder, edits.AFTER_PROTO);
    expectNamed("the compiler", asked(folder));
  });
  await announce("step 4: what the Python tests ask for", () => {
    expectRun(folder, "the Python tests", pytest, { env: python, failsWith: edits.KEY });
    write(folder, edits.AFTER_PYTHON_TESTS);
    expectRun(folder, "the Python tests", pytest, { env: python });
  });
  await announce("step 5: the walk", () => {
    const jest = ["npm", "run", "-s", "test:field-walk"];
    expectRun(folder, "the field walk", jest, { failsWith: edits.KEY });
    write(folder, edits.AFTER_WALK);
    expectRun(folder, "the field walk", jest);
  });
  await announce("the tests of the registry, the client and the fuzz", () =>
    expectRun(folder, "the tests", [
      "npm",
      "run",
      "-s",
      "test:unit",
      "application-registry",
      "registry-controller",
      "client/wire",
      "cli",
    ]),
  );
}

async function main() {
  const scratch = mkdtempSync(join(tmpdir(), "flame-recipe-"));
  try {
    const folder = join(scratch, "clone");
    const clone = ["git", "clone", "-q", root, folder];
    await run(clone, { logFile: join(scratch, "log") });
    await walk(folder, scratch);
    process.stdout.write(`the recipe is complete: ${edits.KEY} went through every hop\n`);
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

await runMain(main);
