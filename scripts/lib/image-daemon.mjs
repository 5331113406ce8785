import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { SetupError } from "./progress.mjs";

const healthyDeadlineMs = 60_000;
const stopDeadlineMs = 60_000;
const pollMs = 200;
const outputCharactersKept = 20_000;

/**
 * Starts an image as an engine would, with its own entry point and command as its own user, and waits until its own
 * health check passes.
 * @param {import("./buildah.mjs").Buildah} buildah
 * @param {string} name target of docker/Dockerfile
 * @param {string} configuration folder with flame-cluster.yaml, mounted read-only
 * @returns {Promise<{ name: string, output: () => string, stop: () => Promise<number | null> }>}
 * @throws SetupError with what it printed when it ends or does not get healthy in time
 */
export async function startDaemon(buildah, name, configuration) {
  const { Entrypoint, Cmd, Healthcheck } = await buildah.configuration(name);
  const container = await buildah.from(name);
  const volumes = [`${configuration}:/usr/local/flame/conf:ro`];
  const child = buildah.start(container, [...Entrypoint, ...Cmd], { volumes });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      said = (said + chunk).slice(-outputCharactersKept);
    });
  }
  const ended = new Promise((resolve) => child.once("close", resolve));
  const record = join(await buildah.rootOf(container), `usr/local/flame/run/flame-${name}.json`);
  const daemon = { name, output: () => said, stop: () => stop(child, ended, record) };
  const [, ...check] = Healthcheck.Test;
  const deadline = performance.now() + healthyDeadlineMs;
  while ((await buildah.runToEnd(container, check)).code !== 0) {
    const late = performance.now() > deadline;
    if (!late && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      continue;
    }
    if (late) await daemon.stop();
    const what = late ? `was not healthy within ${healthyDeadlineMs} ms` : "ended";
    throw new SetupError(`${name} ${what}:\n${said.trim()}`);
  }
  return daemon;
}

/** Tells the daemon itself to end: buildah does not pass signals on. */
async function stop(child, ended, record) {
  const pid = existsSync(record) ? JSON.parse(readFileSync(record, "utf8")).pid : undefined;
  if (pid !== undefined) process.kill(pid, "SIGTERM");
  const impatience = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
  const code = await ended;
  clearTimeout(impatience);
  return code;
}
