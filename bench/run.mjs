// npm run bench: measures Flame on this machine. Builds the bench, which is TypeScript (bench/main.ts), and runs it;
// `npm run bench -- --help` tells what it takes.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "../scripts/lib/paths.mjs";
import { runMain } from "../scripts/lib/progress.mjs";
import { setUp } from "../scripts/setup.mjs";

/** The bench itself, and the clients that it runs in processes of their own. */
const entries = {
  main: "bench/main.ts",
  tasks: "bench/programs/tasks.ts",
  overload: "bench/overload/program.ts",
  registry: "bench/registry/program.ts",
  scale: "bench/scale/program.ts",
  crowd: "bench/crowd/program.ts",
};

async function bundle(folder) {
  // Imported here because esbuild is one of the packages that set-up installs.
  const { build } = await import("esbuild");
  await build({
    entryPoints: Object.entries(entries).map(([out, file]) => ({ in: join(root, file), out })),
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    external: ["better-sqlite3", "esbuild"],
    platform: "node",
    format: "esm",
    target: "node20",
    banner: {
      js: 'import { createRequire as c } from "node:module";\nconst require = c(import.meta.url);',
    },
    logLevel: "silent",
  });
}

async function main() {
  // Programs of another build can be measured: FLAME_BENCH_HOME is a home that set-up or scripts/install.sh made.
  const home = process.env.FLAME_BENCH_HOME ?? (await setUp()).home;
  mkdirSync(join(root, "dist"), { recursive: true });
  // As deep below the checkout as the programs of dist, so that what is found from a file's place is found.
  const folder = mkdtempSync(join(root, "dist/bench-"));
  // Also when a signal ends it.
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  await bundle(folder);
  const { bench } = await import(join(folder, "main.mjs"));
  return bench(process.argv.slice(2), { folder, home });
}

await runMain(main);
