import type { Command, CommandKind } from "../../core/commands.ts";
import type { Clock } from "../../kit/clock.ts";
import { FlameError } from "../../model/errors.ts";
import type { Store } from "../../storage/store.ts";
import type { StorageGuard } from "./storage-guard.ts";

/** How often a disk that refused a commit is asked again, in milliseconds. */
export const diskLookMs = 1_000;

const ofNodes = new Set<CommandKind>([
  "node.register",
  "node.release",
  "node.sync",
  "node.watch",
  "node.beat",
  "node.work",
  "node.worked",
  "executor.register",
  "executor.unregister",
  "executor.bind",
  "executor.bindCompleted",
  "executor.unbind",
  "executor.unbindCompleted",
  "executor.launch",
  "executor.complete",
]);

/** Streams and messages on them are of the machine that they were opened in. */
const ofStreams = new Set<CommandKind>(["node.watch", "node.beat", "node.work", "node.worked"]);

/** Whether a node asks, or takes back what it asked. */
export function isOfNode(command: Command): boolean {
  return command.kind === "cancel" ? isOfNode(command.input.waiting) : ofNodes.has(command.kind);
}

/**
 * Whether a call that waits inside a machine may be asked of the next one as it is: a node's, which repeats calls anyway
 * and is answered alike, and the session manager's own watch of the registry.
 */
export function survivesRebuild(command: Command, from: string | undefined): boolean {
  if (from === undefined && command.kind === "application.watch") return true;
  return ofNodes.has(command.kind) && !ofStreams.has(command.kind);
}

interface Pause {
  readonly cause: FlameError;
  /** On the clock of the process. */
  readonly since: number;
  askAgainAt: number;
}

export interface DiskPauseDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly guard: StorageGuard;
  /** Told when the disk has refused a commit, and, without a refusal, when it takes commits again. */
  readonly onDisk?: (refusal: FlameError | undefined) => void;
}

/**
 * The time between a commit that the disk refused and the first one that it takes again. The machine's clock stands still
 * in it, so that no node counts as silent while nobody could hear it.
 */
export class DiskPause {
  readonly #deps: DiskPauseDeps;
  #pause: Pause | undefined;
  #pausedMs = 0;
  #endedAt = Number.NEGATIVE_INFINITY;
  #held: Command[] = [];

  constructor(deps: DiskPauseDeps) {
    this.#deps = deps;
  }

  get on(): boolean {
    return this.#pause !== undefined;
  }

  /** What is told to whoever wants to add something. */
  get refusal(): FlameError | undefined {
    return this.#pause?.cause;
  }

  /** The machine's clock. */
  steady(): number {
    return (this.#pause?.since ?? this.#deps.clock.steady()) - this.#pausedMs;
  }

  /** Keeps a node's call until the pause ends. */
  hold(command: Command): void {
    this.#held.push(command);
  }

  /** @throws what was thrown, when it is no refusal that passes */
  begin(thrown: unknown): void {
    const cause = refusalOf(thrown);
    if (cause === undefined) throw thrown;
    const { clock, onDisk } = this.#deps;
    const now = clock.steady();
    // At once, unless the disk refuses again and again.
    const askAgainAt = Math.max(now, this.#endedAt + diskLookMs);
    this.#pause = { cause, since: this.#pause?.since ?? now, askAgainAt };
    onDisk?.(cause);
  }

  /** Asks the disk now and then. @returns the calls that were held, when it takes commits again */
  async tryToEnd(): Promise<readonly Command[]> {
    const pause = this.#pause;
    const { clock, onDisk } = this.#deps;
    const now = clock.steady();
    if (pause === undefined || now < pause.askAgainAt) return [];
    pause.askAgainAt = now + diskLookMs;
    if (!(await this.#takesCommits(pause.cause))) return [];
    const end = clock.steady();
    this.#pausedMs += end - pause.since;
    this.#endedAt = end;
    this.#pause = undefined;
    onDisk?.(undefined);
    return this.#held.splice(0);
  }

  async #takesCommits(cause: FlameError): Promise<boolean> {
    const { guard, store } = this.#deps;
    if (cause.code === "resource_exhausted" && !(await guard.hasReserve())) return false;
    try {
      await store.tryWrite();
      return true;
    } catch (thrown) {
      if (refusalOf(thrown) === undefined) throw thrown;
      return false;
    }
  }
}

/** What a disk says that may take the next commit; undefined: nothing more can be trusted. */
function refusalOf(thrown: unknown): FlameError | undefined {
  const { code, message } = FlameError.from(thrown);
  if (code !== "resource_exhausted" && code !== "unavailable") return undefined;
  const what = code === "resource_exhausted" ? "disk is full" : "the disk cannot be written";
  const text = `${what}: ${message}; nothing was changed: try again when it is repaired`;
  return new FlameError(code, text, { cause: thrown });
}
