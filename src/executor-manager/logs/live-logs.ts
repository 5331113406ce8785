import { LineBacklog, SharedBytes, type ToldLines } from "../../process/line-backlog.ts";
import { taskOfTitle } from "../../process/log-marks.ts";
import type { OutputTap, OutputTaps } from "../../process/output-tap.ts";
import { WholeLines } from "../../process/whole-lines.ts";

/** So much of one session waits to leave, in bytes, and of all sessions together. */
const sessionBytes = 1024 * 1024;
const allBytes = 16 * 1024 * 1024;

/** Whose output it is. */
interface Owner {
  readonly executorId: string;
  readonly sessionId: string;
}

/** What services print of the sessions that somebody follows; of the others nothing is kept (docs/protocol.md, "Prints"). */
export class LiveLogs {
  readonly #shared = new SharedBytes(allBytes);
  readonly #followed = new Map<string, LineBacklog>();
  /** Outputs of which some was printed and not read. */
  readonly #behind = new Set<WholeLines>();
  #onLines: (soon: boolean) => void = () => undefined;

  /** @param tell `soon`: a task has printed all that it prints */
  listen(tell: (soon: boolean) => void): void {
    this.#onLines = tell;
  }

  follow(sessions: readonly string[]): void {
    for (const id of sessions)
      if (!this.#followed.has(id))
        this.#followed.set(id, new LineBacklog(sessionBytes, this.#shared));
  }

  unfollow(sessions: Iterable<string>): void {
    for (const id of [...sessions]) {
      this.#followed.get(id)?.clear();
      this.#followed.delete(id);
    }
  }

  /** Nobody follows anything any more. */
  unfollowAll(): void {
    this.unfollow(this.#followed.keys());
  }

  /** What is told of what a service prints. */
  tapsOf(owner: Owner): OutputTaps {
    return { out: this.#tap(owner, "out"), err: this.#tap(owner, "err") };
  }

  /** No lines wait to leave. */
  get empty(): boolean {
    for (const backlog of this.#followed.values()) if (!backlog.empty) return false;
    return true;
  }

  /** Some was printed in a section that has ended, and is not among the lines yet: the disk is slow. */
  get isBehind(): boolean {
    return this.#behind.size > 0;
  }

  /** Some of each session in turn, about so many bytes in all. */
  take(bytes: number): ToldLines[] {
    const told: ToldLines[] = [];
    let left = bytes;
    for (const [id, backlog] of [...this.#followed]) {
      if (left <= 0) break;
      const some = backlog.take(left);
      if (some.length === 0) continue;
      for (const { data } of some) left -= data.length;
      told.push(...some);
      // The others come first the next time.
      this.#followed.delete(id);
      this.#followed.set(id, backlog);
    }
    return told;
  }

  #tap({ executorId, sessionId }: Owner, stream: string): OutputTap {
    const lines = new WholeLines();
    let title: string | undefined;
    const tell = (pieces: readonly Buffer[], soon: boolean): void => {
      const backlog = this.#followed.get(sessionId);
      if (backlog === undefined || pieces.length === 0) return;
      const source = { sessionId, executorId, stream, taskId: taskOfTitle(title), node: "" };
      for (const piece of pieces) backlog.add(source, piece);
      this.#onLines(soon);
    };
    const end = (): void => {
      const rest = lines.end();
      tell(rest === undefined ? [] : [rest], true);
    };
    return {
      came: (chunk, of) => {
        if (of !== title) end();
        title = of;
        if (this.#followed.has(sessionId)) tell(lines.add(chunk), false);
        else lines.end();
      },
      behind: () => {
        if (this.#followed.has(sessionId)) this.#behind.add(lines);
      },
      ended: () => {
        this.#behind.delete(lines);
        end();
        if (this.#followed.has(sessionId)) this.#onLines(true);
      },
    };
  }
}
