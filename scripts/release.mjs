// npm run release: everything of a release of the commit that this checkout is at, in dist/release.
//   npm run release -- [--out FOLDER] [--repository URL]
// Nothing is published and nothing is signed; docs/supply-chain.md says what the files are, and how to check them.
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { withLock } from "./lib/lock.mjs";
import { repositoryOf } from "./lib/npm-package.mjs";
import { root } from "./lib/paths.mjs";
import { runMain } from "./lib/progress.mjs";
import { makeRelease } from "./lib/release/release.mjs";
import { cleanCommit } from "./lib/release/source.mjs";
import { setUp } from "./setup.mjs";

async function main() {
  const { values } = parseArgs({
    options: { out: { type: "string" }, repository: { type: "string" } },
  });
  const out = resolve(values.out ?? join(root, "dist/release"));
  const repository = await repositoryOf(root, values.repository);
  await cleanCommit(root);
  const { home, uv, python } = await setUp();
  const files = await withLock(join(root, ".cache/set-up/lock"), () =>
    makeRelease({ root, home, uv, python, out, repository }),
  );
  process.stdout.write(files.map((name) => `${join(out, name)}\n`).join(""));
}

await runMain(main);
