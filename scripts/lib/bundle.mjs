import { existsSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { renameDurably } from "./durable.mjs";
import { SetupError } from "./progress.mjs";
import { whenChanged } from "./stamps.mjs";

// Bundled CommonJS packages ask for Node's own modules with require, which ES modules do not have.
const requireForBundledPackages =
  'import { createRequire as createRequireForBundle } from "node:module";\n' +
  "const require = createRequireForBundle(import.meta.url);";

// gRPC loads .proto files at run time for two of its services, ORCA and channelz, which no program offers and whose files are
// not in dist. What would load them is a third of what a program reads for gRPC at each start.
const withoutProtoLoader = {
  name: "without-proto-loader",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@grpc\/proto-loader$/ }, ({ path }) => ({
      path,
      namespace: "left-out",
    }));
    onLoad({ filter: /.*/, namespace: "left-out" }, ({ path }) => ({
      contents: `throw new Error("${path} is not part of this program");`,
    }));
  },
};

/** The names of all programs: one file each in src/bin. */
export function programs(root) {
  const folder = join(root, "src/bin");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => basename(file, ".ts"))
    .sort();
}

/**
 * Builds dist: one bundle per program, shared code in chunks. Every built file lies two folders below the
 * root, as every file of a room does, so that `../../schemas` and the like mean the same in both.
 */
export async function ensureBundles({ root, stamps }) {
  const names = programs(root);
  const dist = join(root, "dist");
  await whenChanged({
    folder: stamps,
    name: "dist",
    title: `building ${names.length} programs`,
    inputs: [
      ...["src", "schemas", "defaults", "package.json", "tsconfig.json", "package-lock.json"].map(
        (path) => ({ path: join(root, path) }),
      ),
      { path: join(root, "scripts/lib/bundle.mjs") },
    ],
    products: names.map((name) => join(dist, "bin", `${name}.js`)),
    work: () => bundle(root, dist, names),
  });
}

async function bundle(root, dist, names) {
  // Imported here because esbuild is one of the packages that set-up installs.
  const { build } = await import("esbuild");
  const next = `${dist}/next`;
  rmSync(next, { recursive: true, force: true });
  await build({
    entryPoints: names.map((name) => ({
      in: join(root, `src/bin/${name}.ts`),
      out: `bin/${name}`,
    })),
    outdir: next,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["better-sqlite3"],
    plugins: [withoutProtoLoader],
    sourcemap: true,
    sourcesContent: false,
    banner: { js: requireForBundledPackages },
    logLevel: "silent",
  }).catch(({ message }) => {
    throw new SetupError(message);
  });
  for (const folder of ["bin", "chunks"]) {
    rmSync(join(dist, folder), { recursive: true, force: true });
    if (existsSync(join(next, folder))) renameDurably(join(next, folder), join(dist, folder));
  }
  rmSync(next, { recursive: true });
}
