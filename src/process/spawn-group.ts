import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { FlameError } from "../model/errors.ts";
import type { Cgroup } from "./cgroup.ts";
import type { Environment } from "./clean-environment.ts";
import type { ExitFacts } from "./exit-facts.ts";
import { LogFile, type LogMarks } from "./log-file.ts";
import type { OutputTaps } from "./output-tap.ts";
import { withUmaskAsStarted } from "./private-files.ts";
import { groupMembers, processFacts } from "./process-facts.ts";
import { signalGroup } from "./signal-group.ts";

/** A program to start as leader of its own process group. */
export interface SpawnGroupOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The child's whole environment: nothing is inherited beside it. */
  readonly env: Environment;
  /** Absent: it is said later, see {@link ProcessGroup.logTo}. */
  readonly logs?: GroupLogs;
  /** Which it is started in. */
  readonly cgroup?: Cgroup | undefined;
  /** Codes above 128 name the signal that ended the program, as shells tell it. @default false */
  readonly exitCodesOfShell?: boolean;
  /** Bytes of each output file before it is rotated. @default 16 MiB */
  readonly logBytesMax?: number;
}

/** The files that the output of a program goes to. */
export interface GroupLogs {
  readonly stdoutFile: string;
  readonly stderrFile: string;
  /** Set: the output is added to what is in the files, with lines of ours; see {@link ProcessGroup.beginSection}. */
  readonly marks?: LogMarks;
  /** Told of what goes to the files. */
  readonly taps?: OutputTaps;
}

/** A running program and everything it started. */
export interface ProcessGroup {
  readonly pid: number;
  /** Clock ticks after boot; see `processFacts`. */
  readonly startTime: number;
  /** Resolves when the leader has ended. Never rejects. */
  readonly exited: Promise<ExitFacts>;
  /** How the leader ended; undefined while it runs. */
  readonly exitFacts: ExitFacts | undefined;
  /** The last lines on stdout so far. */
  readonly outputTail: string;
  /** The last lines on stderr, waiting at most `waitMs` for the pipe to run dry. */
  stderrTail(waitMs?: number): Promise<string>;
  /** Where the output goes that nobody had a place for so far, the first 64 KiB of it, and all that comes. */
  logTo(logs: GroupLogs): void;
  /** Output from now on belongs to `title`, which is marked in the files; only where `marks` are set. */
  beginSection(title: string): void;
  endSection(): void;
  /** TERM to the group, KILL after `graceMs`; resolves when no member runs any more. Idempotent. */
  terminate(graceMs: number): Promise<void>;
}

const LOG_BYTES_MAX = 16 * 1024 * 1024;
const GROUP_POLL_MS = 20;
const KILL_WAIT_MS = 5_000;

/**
 * Starts a program in its own process group, with exactly the given environment, no standard input and
 * its output in bounded files.
 * @throws FlameError not_found or internal when the program cannot be started, naming it, its directory and why.
 */
export async function spawnGroup(options: SpawnGroupOptions): Promise<ProcessGroup> {
  const start = (): ChildProcess =>
    withUmaskAsStarted(() =>
      spawn(options.command, options.args, {
        cwd: options.cwd,
        env: { ...options.env },
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
  const child = options.cgroup === undefined ? start() : options.cgroup.startIn(start);
  const pid = await spawned(child, options);
  return new Group(child, pid, options);
}

function spawned(child: ChildProcess, options: SpawnGroupOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("spawn", () => {
      resolve(child.pid ?? 0);
    });
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const missing = cause.code === "ENOENT";
      const why = missing ? "no such program (or no such directory)" : cause.message;
      reject(
        new FlameError(
          missing ? "not_found" : "internal",
          `cannot start "${options.command}" in "${options.cwd}": ${why}`,
          { cause },
        ),
      );
    });
  });
}

class Group implements ProcessGroup {
  readonly pid: number;
  readonly startTime: number;
  readonly exited: Promise<ExitFacts>;
  exitFacts: ExitFacts | undefined;
  readonly #stdout: LogFile | undefined;
  readonly #stderr: LogFile | undefined;
  #terminating: Promise<void> | undefined;

  constructor(child: ChildProcess, pid: number, options: SpawnGroupOptions) {
    this.pid = pid;
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.exitFacts =
          options.exitCodesOfShell === true ? asTold(code, signal) : { code, signal };
        resolve(this.exitFacts);
      });
    });
    this.startTime = processFacts(pid)?.startTime ?? 0;
    const bytesMax = options.logBytesMax ?? LOG_BYTES_MAX;
    if (child.stdout !== null) this.#stdout = new LogFile(child.stdout, { bytesMax });
    if (child.stderr !== null) this.#stderr = new LogFile(child.stderr, { bytesMax });
    if (options.logs !== undefined) this.logTo(options.logs);
  }

  logTo({ stdoutFile, stderrFile, marks, taps }: GroupLogs): void {
    const marked = marks === undefined ? {} : { marks };
    this.#stdout?.goTo(stdoutFile, { ...marked, ...(taps && { tap: taps.out }) });
    this.#stderr?.goTo(stderrFile, { ...marked, ...(taps && { tap: taps.err }) });
  }

  beginSection(title: string): void {
    this.#stdout?.beginSection(title);
    this.#stderr?.beginSection(title);
  }

  endSection(): void {
    this.#stdout?.endSection();
    this.#stderr?.endSection();
  }

  get outputTail(): string {
    return this.#stdout?.tail ?? "";
  }

  async stderrTail(waitMs = 200): Promise<string> {
    if (this.#stderr === undefined) return "";
    await within(this.#stderr.ended, waitMs);
    return this.#stderr.tail;
  }

  terminate(graceMs: number): Promise<void> {
    this.#terminating ??= this.#terminate(graceMs);
    return this.#terminating;
  }

  async #terminate(graceMs: number): Promise<void> {
    signalGroup(this.pid, "SIGTERM");
    if (await this.#goneWithin(graceMs)) return;
    signalGroup(this.pid, "SIGKILL");
    await this.#goneWithin(KILL_WAIT_MS);
  }

  // The leader alone is cheap to await; the rest of the group can only be looked for.
  async #goneWithin(limitMs: number): Promise<boolean> {
    const turns = Math.max(1, Math.ceil(limitMs / GROUP_POLL_MS));
    await within(this.exited, limitMs);
    if (this.exitFacts === undefined) return false;
    for (let turn = 0; turn < turns; turn++) {
      if (groupMembers(this.pid).length === 0) return true;
      await pause(GROUP_POLL_MS);
    }
    return false;
  }
}

/** Also for the shell's own end by a signal, which needs no translation. */
function asTold(code: number | null, signal: NodeJS.Signals | null): ExitFacts {
  const told = Object.entries(constants.signals).find(([, number]) => code === 128 + number);
  return told === undefined ? { code, signal } : { code: null, signal: told[0] };
}

async function within(awaited: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([awaited, limit]);
  clearTimeout(timer);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
