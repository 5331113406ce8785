import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../kit/clock.ts";
import { FlameError } from "../../model/errors.ts";
import { describeExit } from "../../process/exit-facts.ts";
import type { GroupReaper } from "../../process/group-reaper.ts";
import { findInstance } from "../../process/instance-lock.ts";
import { groupMembers } from "../../process/process-facts.ts";
import { type ProcessGroup, spawnGroup } from "../../process/spawn-group.ts";
import type { DaemonName } from "./daemons.ts";
import { lastLogged, WaitingNotice } from "./waiting-notice.ts";

const readyDeadlineMs = 60_000;
const readyPollMs = 20;
const firstPauseMs = 200;
const longestPauseMs = 10_000;
/** A daemon that served this long has recovered: the next pause is the first one again. */
const recoveredAfterMs = 30_000;
const killAfterMs = 10_000;

export interface SupervisedDaemonOptions {
  readonly name: DaemonName;
  readonly command: string;
  readonly args: readonly string[];
  /** FLAME_HOME. */
  readonly home: string;
  /** Folder of its log files. */
  readonly logs: string;
  readonly env: Readonly<Record<string, string>>;
  /** How long it may take to stop before it is killed, in milliseconds, beyond the usual 10 s. @default 0 */
  readonly drainMs?: number;
  readonly clock: Clock;
  readonly reaper: GroupReaper;
  /** Aborting ends the wait of a start. */
  readonly signal?: AbortSignal;
  /** Told in a sentence each time it ends by itself, and when it serves again. */
  readonly onEvent: (text: string) => void;
}

/** One daemon as a child process: started, awaited, started again with back-off when it dies, stopped. */
export class SupervisedDaemon {
  readonly #options: SupervisedDaemonOptions;
  readonly #stopping = new AbortController();
  #group: ProcessGroup | undefined;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: SupervisedDaemonOptions) {
    this.#options = options;
  }

  get name(): DaemonName {
    return this.#options.name;
  }

  /** Its process now; undefined while it is down. */
  get pid(): number | undefined {
    return this.#group?.exitFacts === undefined ? this.#group?.pid : undefined;
  }

  /**
   * Starts it and waits until it serves; from then on it is kept running.
   * @returns where it serves.
   * @throws FlameError quoting its last line on stderr and naming its log file when it ends before.
   */
  async start(): Promise<string> {
    const group = await this.#spawn();
    const endpoint = await this.#told(group, "serve", this.#served(group));
    this.#watching = this.#keepRunning(group);
    return endpoint;
  }

  /** Ends it gracefully, and by force when that takes too long. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const group = this.#group;
    if (group !== undefined) {
      const ended = group.terminate(killAfterMs + (this.#options.drainMs ?? 0));
      await this.#told(group, "end", ended);
    }
    await this.#watching;
  }

  /** Says what is waited for when it takes long, with what the daemon logged last. */
  async #told<T>(group: ProcessGroup, what: string, wait: Promise<T>): Promise<T> {
    const notice = new WaitingNotice(this.#options.clock, () => {
      const said = lastLogged(group.outputTail);
      const words = said === undefined ? "" : `; it said last: ${said}`;
      this.#options.onEvent(`waiting for ${this.name} to ${what}${words} (log: ${this.#log})`);
    });
    try {
      return await wait;
    } finally {
      notice.end();
    }
  }

  async #keepRunning(first: ProcessGroup): Promise<void> {
    const { clock, reaper, onEvent } = this.#options;
    let group = first;
    let servesSince = clock.steady();
    let pauseMs = firstPauseMs;
    for (;;) {
      await group.exited;
      reaper.forget(group.pid);
      if (this.#stopping.signal.aborted) return;
      if (clock.steady() - servesSince >= recoveredAfterMs) pauseMs = firstPauseMs;
      onEvent(`${await this.#obituary(group)}; it is started again in ${pauseMs} ms`);
      let next: ProcessGroup | undefined;
      while (next === undefined) {
        if (!(await pause(pauseMs, this.#stopping.signal))) return;
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
        next = await this.#startAgain();
      }
      group = next;
      servesSince = clock.steady();
    }
  }

  /** The new process, serving or on its way; undefined when there is none. Tells what happened. */
  async #startAgain(): Promise<ProcessGroup | undefined> {
    let group: ProcessGroup | undefined;
    try {
      group = await this.#spawn();
      this.#options.onEvent(`${this.name} serves again: ${await this.#served(group)}`);
    } catch (thrown) {
      // An end before it served is told by whoever waits for the end.
      if (group?.exitFacts === undefined) this.#options.onEvent(FlameError.from(thrown).message);
    }
    return group;
  }

  async #spawn(): Promise<ProcessGroup> {
    const { name, command, args, home, logs, env, reaper } = this.#options;
    const stdoutFile = join(logs, `${name}.log`);
    const stderrFile = join(logs, `${name}.err`);
    for (const file of [stdoutFile, stderrFile]) keepPrevious(file);
    const output = { stdoutFile, stderrFile };
    const group = await spawnGroup({ command, args, cwd: home, env, logs: output });
    reaper.watch(group.pid);
    this.#group = group;
    // A stop that came while it was being started found nothing to end.
    if (this.#stopping.signal.aborted) await group.terminate(killAfterMs);
    return group;
  }

  /** Waits for the endpoint that the daemon publishes when it serves. */
  async #served(group: ProcessGroup): Promise<string> {
    const { name, home, clock, signal } = this.#options;
    const deadline = clock.steady() + readyDeadlineMs;
    for (;;) {
      if (signal?.aborted === true) throw new FlameError("aborted", `${name} was stopped`);
      if (group.exitFacts !== undefined) {
        throw new FlameError("invalid_config", await this.#obituary(group, " before it served"));
      }
      const instance = await findInstance(home, name);
      if (instance?.endpoint !== undefined && isMember(group, instance.pid)) {
        return instance.endpoint;
      }
      if (clock.steady() > deadline) {
        const text = `${name} does not serve after ${readyDeadlineMs} ms; its log: ${this.#log}`;
        throw new FlameError("deadline_exceeded", text);
      }
      await delay(readyPollMs);
    }
  }

  /** What is known about an end, for people. */
  async #obituary(group: ProcessGroup, when = ""): Promise<string> {
    const facts = await group.exited;
    const lines = (await group.stderrTail()).split("\n");
    const at = lines.findLastIndex((line) => line.startsWith("Error: "));
    // An error may have further lines; what an error says here is no error of its own.
    const error = lines.slice(at).join(" ").replace("Error: ", "").replaceAll(/\s+/g, " ").trim();
    const said = at === -1 ? (lines.at(-1) ?? "") : error;
    const words = said === "" ? "" : `, saying: ${said}`;
    return `${this.name} ended with ${describeExit(facts)}${when}${words} (log: ${this.#log})`;
  }

  get #log(): string {
    return join(this.#options.logs, `${this.name}.log`);
  }
}

// The launcher may stand between us and the program.
function isMember(group: ProcessGroup, pid: number): boolean {
  return pid === group.pid || groupMembers(group.pid).some((member) => member.pid === pid);
}

function keepPrevious(file: string): void {
  if (existsSync(file)) renameSync(file, `${file}.1`);
}

/** False when it was cut short. */
async function pause(delayMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(delayMs, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
