import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Client, type Command, printedBy, startClient } from "./child.ts";
import { environment } from "./scripts.ts";
import { UncountedCpu } from "./uncounted-cpu.ts";

/** By it every process of a peer is found, also one that has left its parent. */
const marker = "FLAME_BENCH_PEER";
const orderlyMs = 30_000;
const pollMs = 20;

/** For the peers: nothing is reported to anybody, no address but the loopback, and nothing is said below errors. */
const quiet = {
  DASK_LOGGING__DISTRIBUTED: "error",
  PYTHONDONTWRITEBYTECODE: "1",
  RAY_AUTH_MODE: "disabled",
  RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER: "0",
  RAY_USAGE_STATS_ENABLED: "0",
};

/** Whatever they write lies below the folder. */
const placed = (folder: string): NodeJS.ProcessEnv => ({
  HOME: folder,
  TMPDIR: folder,
  [marker]: folder,
});

/** The daemons of a peer of Flame in processes of their own, which write into a folder of their own. */
export class PeerServer {
  readonly #command: Command;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #server: Client<unknown>;
  readonly #uncounted: UncountedCpu;

  private constructor(command: Command) {
    this.#command = command;
    // Short: Ray's sockets lie far below it, and a socket's path has room for 107 bytes.
    this.#folder = mkdtempSync(join(tmpdir(), "flame-"));
    this.#env = { ...environment(), ...quiet, ...placed(this.#folder) };
    this.#server = startClient([...command, "serve", this.#folder], this.#env);
    this.#uncounted = new UncountedCpu(this.#server.pid);
  }

  /** @param command that serves with `serve FOLDER`, until its input ends, and measures with `measure FOLDER SIZES` */
  static async start(command: Command): Promise<PeerServer> {
    const server = new PeerServer(command);
    try {
      await server.#server.begun;
      return server;
    } catch (failure) {
      await server.close();
      throw failure;
    }
  }

  /** CPU milliseconds so far of processes that have ended and that no parent of theirs counts. */
  get uncountedMs(): number {
    return this.#uncounted.ms;
  }

  /** What a client in a process of its own measures. */
  async measure<T>(sizes: Readonly<Record<string, number>>): Promise<T> {
    const command = [...this.#command, "measure", this.#folder, JSON.stringify(sizes)] as const;
    const printed = await printedBy(command, this.#env);
    return JSON.parse(printed.trim().split("\n").at(-1) ?? "") as T;
  }

  /** Asks the daemons to end, ends by their ids those that are left, and removes their folder. */
  async close(): Promise<void> {
    this.#server.finish();
    const late = new Promise((resolve) => setTimeout(resolve, orderlyMs).unref());
    await Promise.race([this.#server.outcome.catch(() => undefined), late]);
    await endMarked(this.#folder);
    this.#uncounted.stop();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Until none is left: one that ends may have begun another. */
async function endMarked(folder: string): Promise<void> {
  for (let left = markedBy(folder); left.length > 0; left = markedBy(folder)) {
    for (const pid of left) endProcess(pid);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

function markedBy(folder: string): number[] {
  const wanted = `${marker}=${folder}`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => environmentOf(name).includes(wanted))
    .map(Number);
}

/** None of a process that has ended, or is another user's. */
function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}
