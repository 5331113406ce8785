// Builds the npm package of the TypeScript SDK and packs it: prints the path of the archive.
//   node scripts/pack.mjs [--out FOLDER] [--repository URL]
// Without a URL the package names the place that the checkout was cloned from, if that is one for others.
import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { withLock } from "./lib/lock.mjs";
import { ensureNpmPackage, isRepository } from "./lib/npm-package.mjs";
import { root } from "./lib/paths.mjs";
import { runMain, SetupError } from "./lib/progress.mjs";
import { ask, run } from "./lib/run.mjs";

async function repositoryOf(given) {
  if (given !== undefined && !isRepository(given))
    throw new SetupError(
      `--repository ${given}: got no URL of a repository, expected one such as https://HOST/PATH.git`,
    );
  const origin = given ?? (await ask(["git", "-C", root, "config", "--get", "remote.origin.url"]));
  return origin !== undefined && isRepository(origin) ? origin : undefined;
}

async function main() {
  const { values } = parseArgs({
    options: { out: { type: "string" }, repository: { type: "string" } },
  });
  const repository = await repositoryOf(values.repository);
  const out = resolve(values.out ?? join(root, "dist/npm"));
  const work = join(root, ".cache/set-up");
  const folder = await withLock(join(work, "lock"), () =>
    ensureNpmPackage({ root, stamps: join(work, "stamps"), repository }),
  );
  mkdirSync(out, { recursive: true });
  const pack = ["npm", "pack", "--ignore-scripts", "--pack-destination", out];
  await run(pack, { cwd: folder, logFile: join(work, "npm-pack.log") });
  const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  process.stdout.write(`${join(out, `${name}-${version}.tgz`)}\n`);
}

await runMain(main);
