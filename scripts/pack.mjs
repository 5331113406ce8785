// Builds the npm package of the TypeScript SDK and packs it: prints the path of the archive.
//   node scripts/pack.mjs [--out FOLDER] [--repository URL]
// Without a URL the package names the place that the checkout was cloned from, if that is one for others.
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { withLock } from "./lib/lock.mjs";
import { packNpm, repositoryOf } from "./lib/npm-package.mjs";
import { root } from "./lib/paths.mjs";
import { runMain } from "./lib/progress.mjs";

async function main() {
  const { values } = parseArgs({
    options: { out: { type: "string" }, repository: { type: "string" } },
  });
  const repository = await repositoryOf(root, values.repository);
  const out = resolve(values.out ?? join(root, "dist/npm"));
  const work = join(root, ".cache/set-up");
  const request = { root, stamps: join(work, "stamps"), repository, out };
  const archive = await withLock(join(work, "lock"), () =>
    packNpm({ ...request, logFile: join(work, "npm-pack.log") }),
  );
  process.stdout.write(`${archive}\n`);
}

await runMain(main);
