import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "./wait-for.ts";

export type DaemonName = "flame-session-manager" | "flame-object-cache" | "flame-executor-manager";

const startDeadlineMs = 30_000;
const stopDeadlineMs = 20_000;

/** One daemon of a test cluster: a real process that can be ended, killed and started again. */
export class Daemon {
  readonly name: DaemonName;
  readonly #home: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #config: string;
  #child: ChildProcess | undefined;

  /** @param config its configuration file, below its home */
  constructor(name: DaemonName, home: string, env: NodeJS.ProcessEnv, config: string) {
    this.name = name;
    this.#home = home;
    this.#env = env;
    this.#config = config;
  }

  /** @throws Error when it is not running */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined || !this.running) throw new Error(`${this.name} is not running`);
    return pid;
  }

  get running(): boolean {
    return (
      this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
    );
  }

  /** Whether it runs and says that it serves. */
  get serving(): boolean {
    return this.running && this.#published() === this.#child?.pid;
  }

  /** Everything it printed, over all its starts. */
  log(): string {
    return existsSync(this.#logFile) ? readFileSync(this.#logFile, "utf8") : "";
  }

  /**
   * Starts it and waits until it serves.
   * @throws Error with what it printed when it ends or does not serve in time
   */
  async start(): Promise<void> {
    this.spawn();
    try {
      await waitFor(
        `${this.name} serving`,
        () => {
          if (!this.running) throw new Error(`${this.name} ended`);
          return this.serving;
        },
        { deadlineMs: startDeadlineMs, giveUp: () => !this.running },
      );
    } catch (cause) {
      await this.stop("SIGKILL");
      throw new Error(`${this.name} did not start:\n${this.log()}`, { cause });
    }
  }

  /** Starts it without waiting for anything: for starts that are expected to fail. */
  spawn(): ChildProcess {
    if (this.running) throw new Error(`${this.name} is running already`);
    const log = openSync(this.#logFile, "a");
    const config = join(this.#home, this.#config);
    this.#child = spawn(join(this.#home, "bin", this.name), ["--config", config], {
      env: this.#env,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    return this.#child;
  }

  /** Sends a signal and waits until it is gone; SIGKILL when it takes too long. Nothing to do when it is not running. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    if (this.running) {
      const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.kill(signal);
      const impatience = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
      await exited;
      clearTimeout(impatience);
    }
    return child.exitCode;
  }

  /** `kill -9`: no clean-up of its own. */
  async kill(): Promise<void> {
    await this.stop("SIGKILL");
  }

  async restart(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  get #logFile(): string {
    return join(this.#home, "logs", `${this.name}.out`);
  }

  /** The process that says it serves in this home. */
  #published(): number | undefined {
    const file = join(this.#home, "run", `${this.name}.json`);
    if (!existsSync(file)) return undefined;
    const { pid, endpoint } = JSON.parse(readFileSync(file, "utf8")) as {
      pid?: number;
      endpoint?: string;
    };
    return endpoint === undefined ? undefined : pid;
  }
}
