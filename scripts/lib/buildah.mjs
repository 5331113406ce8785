import { spawn } from "node:child_process";
import { join } from "node:path";
import { SetupError } from "./progress.mjs";
import { run, runToEnd } from "./run.mjs";

/**
 * Images and containers in a folder of their own, built and entered without an engine: buildah with chroot isolation,
 * which shares the network of the machine, and the vfs storage, which works on every file system.
 */
export class Buildah {
  #folder;
  #logFile;
  #containers = [];

  /** @param {{ folder: string, logFile: string }} places `folder` gets the storage */
  constructor({ folder, logFile }) {
    this.#folder = folder;
    this.#logFile = logFile;
  }

  /** @returns {string[]} buildah with the options that name the storage, and `args` */
  command(...args) {
    const storage = [
      "--root",
      join(this.#folder, "storage"),
      "--runroot",
      join(this.#folder, "run"),
    ];
    return ["buildah", "--storage-driver", "vfs", ...storage, ...args];
  }

  #run(...args) {
    return run(this.command(...args), { logFile: this.#logFile });
  }

  async #ask(...args) {
    const { code, stdout, stderr } = await runToEnd(this.command(...args), { env: process.env });
    if (code === 0) return stdout.trim();
    throw new SetupError(`buildah ${args.join(" ")}: exit code ${code}\n${stderr.trim()}`);
  }

  /** Makes an image of a folder. */
  async commitFolder(folder, image) {
    const container = await this.#ask("from", "scratch");
    await this.#run("add", "--quiet", container, folder, "/");
    await this.#run("commit", "--quiet", "--rm", container, image);
  }

  /**
   * Builds one target of a Dockerfile as `localhost/flame-TARGET`. Without layers: vfs would copy the image for each.
   * @param {{ target: string, args: object, secrets: object, context: string, file: string }} build `args` and
   *   `secrets`: values and files by name
   */
  build({ target, args, secrets, context, file }) {
    const secret = Object.entries(secrets).flatMap(([id, src]) => [
      "--secret",
      `id=${id},src=${src}`,
    ]);
    return this.#run(
      ...["bud", "--isolation", "chroot", "--format", "docker", ...secret],
      ...Object.entries(args).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
      ...["--target", target, "--tag", imageOf(target)],
      ...["--file", file, context],
    );
  }

  /** @returns {Promise<string>} a new container of a built image */
  async from(target) {
    const container = await this.#ask("from", "--pull-never", imageOf(target));
    this.#containers.push(container);
    return container;
  }

  /** What the image says about how it is run: Entrypoint, Cmd, Healthcheck. */
  async configuration(target) {
    return JSON.parse(await this.#ask("inspect", "--type", "image", imageOf(target))).Docker.config;
  }

  /** @returns {Promise<string>} the root folder of a container */
  rootOf(container) {
    return this.#ask("mount", container);
  }

  #runCommand(container, command, { env = {}, volumes = [] }) {
    const settings = Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
    const mounts = volumes.flatMap((volume) => ["--volume", volume]);
    const args = [
      "run",
      "--isolation",
      "chroot",
      ...settings,
      ...mounts,
      container,
      "--",
      ...command,
    ];
    return this.command(...args);
  }

  /** Runs a command in a container to its end; a non-zero exit code is a result. */
  runToEnd(container, command, options = {}) {
    const deadline = { timeoutMs: 120_000, env: process.env };
    return runToEnd(this.#runCommand(container, command, options), deadline);
  }

  /** Starts a command in a container. */
  start(container, command, options = {}) {
    const [program, ...args] = this.#runCommand(container, command, options);
    return spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  }

  /** @returns {Promise<{ name: string, megabytes: number }[]>} the built images, each with all of its layers */
  async sizes() {
    const images = JSON.parse(await this.#ask("images", "--json"));
    return images
      .flatMap(({ names = [], size }) => names.map((name) => ({ name, size })))
      .filter(({ name }) => name.includes("/flame-"))
      .map(({ name, size }) => ({ name: name.replace(/.*\/flame-|:latest/g, ""), size }))
      .map(({ name, size }) => ({ name, megabytes: megabytesIn(size) }));
  }

  /** Unmounts and removes every container that `from` made. */
  async removeContainers() {
    for (const container of this.#containers.splice(0)) await this.#ask("rm", container);
  }
}

/** Buildah tells sizes to people only, such as `1.2 GB`. */
function megabytesIn(size) {
  const factor = { GB: 1_000, MB: 1, KB: 0.001 }[/[KMG]B$/.exec(size)?.[0]] ?? 0;
  return Math.round(Number.parseFloat(size) * factor);
}

const imageOf = (target) => `localhost/flame-${target}`;
