// npm run test:images: builds the images of docker/Dockerfile and runs the sum on them. Needs root and no engine.
//   npm run test:images                 builds on a Debian made by debootstrap
//   npm run test:images -- --base IMAGE builds on another base, such as debian:trixie-slim
//   npm run test:images -- --keep       leaves the images in the folder that it names
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { Buildah } from "./lib/buildah.mjs";
import { startDaemon } from "./lib/image-daemon.mjs";
import {
  baseOf,
  ensureImageTools,
  refuseWithoutRoot,
  secretsOfThisMachine,
} from "./lib/image-inputs.mjs";
import { root } from "./lib/paths.mjs";
import { freePorts } from "./lib/ports.mjs";
import { announce, note, runMain, SetupError } from "./lib/progress.mjs";
import { ask } from "./lib/run.mjs";

/** In the order in which they are started. */
const daemons = ["session-manager", "object-cache", "executor-manager"];
/** Of the last run; they outlive its storage. */
const logs = join(root, ".cache/images");
const print = (text = "") => process.stdout.write(`${text}\n`);

async function buildAll(buildah, base, secrets) {
  const file = join(root, "docker/Dockerfile");
  const build = (target, args) =>
    announce(`building the image ${target}`, () =>
      buildah.build({ target, args, secrets, context: root, file }),
    );
  await build("build", { BASE: base });
  const args = { BASE: base, BUILD_BASE: "localhost/flame-build" };
  for (const target of [...daemons, "console"]) await build(target, args);
}

/** The cluster's configuration, on loopback: containers of chroot isolation share the network of the machine. */
async function writeConfiguration(folder) {
  const port = await freePorts(3);
  const endpoint = `http://127.0.0.1:${port}`;
  const cache = `grpc://127.0.0.1:${port + 2}`;
  mkdirSync(folder);
  writeFileSync(
    join(folder, "flame-cluster.yaml"),
    JSON.stringify({ cluster: { endpoint }, cache: { endpoint: cache } }),
  );
  return { FLAME_ENDPOINT: endpoint, FLAME_CACHE_ENDPOINT: cache };
}

/** What a user of the console types, and what it has to print. */
const session = [
  [["flmctl", "list", "app"], /^NAME .*\nflmexec .*\nflmping .*\nflmrun .*\n$/],
  [["python", "/usr/local/flame/examples/sum.py"], /^3\n$/],
  [["flmping", "-t", "10"], /<10> tasks was completed/],
  [["flmexec", "-t", "1", "-c", "id -un"], /\[102, 108, 97, 109, 101, 10\]/],
];

async function useConsole(buildah, env) {
  const container = await buildah.from("console");
  for (const [command, expected] of session) {
    const { code, stdout, stderr } = await buildah.runToEnd(container, command, { env });
    print(`$ ${command.join(" ")}\n${stdout.trimEnd()}`);
    if (code === 0 && expected.test(stdout)) continue;
    throw new SetupError(
      `${command.join(" ")} in the console: expected ${expected}, got exit code ${code}\n${stderr.trim()}`,
    );
  }
}

async function runCluster(buildah, folder) {
  const configuration = join(folder, "conf");
  const env = await writeConfiguration(configuration);
  const running = [];
  let failure;
  try {
    for (const name of daemons) {
      const title = `starting ${name} from its image, until its health check passes`;
      await announce(title, async () => {
        running.unshift(await startDaemon(buildah, name, configuration));
      });
    }
    await useConsole(buildah, env);
  } catch (thrown) {
    failure = thrown;
    for (const { name, output } of running) note(`${name} said:\n${output().trim()}`);
  }
  for (const daemon of running) {
    const code = await daemon.stop();
    if (code !== 0) failure ??= new SetupError(`${daemon.name} ended with exit code ${code}`);
  }
  if (failure !== undefined) throw failure;
}

function options() {
  const { values } = parseArgs({
    options: { base: { type: "string" }, keep: { type: "boolean", default: false } },
  });
  return values;
}

async function main() {
  const { base: given, keep } = options();
  refuseWithoutRoot();
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "flame-images-"));
  rmSync(logs, { recursive: true, force: true });
  const buildah = new Buildah({ folder, logFile: join(logs, "buildah.log") });
  // Ctrl-C ends what runs at the moment, and with that error the way leads to the clean-up.
  process.on("SIGINT", () => note("cleaning up"));
  try {
    await ensureImageTools({ debootstrap: given === undefined, logs });
    const base = given ?? (await baseOf(buildah, { folder, logs }));
    await buildAll(buildah, base, await secretsOfThisMachine(folder));
    await runCluster(buildah, folder);
    print(`\nIMAGE             MB`);
    for (const { name, megabytes } of await buildah.sizes()) {
      print(`${name.padEnd(16)}${String(megabytes).padStart(4)}`);
    }
    const disk = (await ask(["du", "-sm", folder], { timeoutMs: 300_000 }))?.split("\t")[0];
    print(`all of the storage: ${disk} MB`);
    print(`sum(1, 2) = 3 on the images (${((performance.now() - started) / 1000).toFixed(0)} s)`);
  } finally {
    await buildah.removeContainers();
    if (keep) note(`the images are in ${folder}: ${buildah.command().join(" ")} images`);
    else rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

await runMain(main);
