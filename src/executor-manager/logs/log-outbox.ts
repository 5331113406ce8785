import type { ClientDuplexStream } from "@grpc/grpc-js";
import { ByteRate } from "../../kit/byte-rate.ts";
import type { Clock, Timer } from "../../kit/clock.ts";
import type {
  NodeOrder,
  NodeWord,
  ReadAnswer,
} from "../../protocol/generated/flame/logs/v1/node_logs.ts";
import type { LiveLogs } from "./live-logs.ts";

/** The node's end of a stream of logs. */
export type LogCall = ClientDuplexStream<NodeWord, NodeOrder>;

/** About so many bytes of lines are in one message. */
const messageBytes = 64 * 1024;
/** Lines gather for so long while a task prints, in milliseconds. */
const gatherMs = 25;
/** What leaves in a second at most, in bytes, and at once after a pause. */
const bytesPerSecond = 8 * 1024 * 1024;
const burstBytes = 4 * 1024 * 1024;

const silence: NodeWord = { node: "", answers: [], lines: [], synced: [] };

/**
 * What leaves on one stream of logs: no faster than the session manager reads and than {@link bytesPerSecond}. What is too
 * much waits in {@link LiveLogs}, which leaves out what it has no room for.
 */
export class LogOutbox {
  readonly #call: LogCall;
  readonly #live: LiveLogs;
  readonly #clock: Clock;
  #answers: ReadAnswer[] = [];
  #syncs: number[] = [];
  #blocked = false;
  #planned = false;
  #gathering: Timer | undefined;
  readonly #rate: ByteRate;
  #over = false;

  constructor(call: LogCall, live: LiveLogs, clock: Clock) {
    this.#call = call;
    this.#live = live;
    this.#clock = clock;
    this.#rate = new ByteRate(clock, bytesPerSecond, burstBytes);
    call.on("drain", () => {
      this.#blocked = false;
      this.#flush();
    });
    live.listen((soon) => {
      if (soon) this.#plan();
      else this.#gathering ??= clock.after(gatherMs, this.#flush);
    });
  }

  hello(node: string): void {
    this.#write({ ...silence, node });
  }

  answer(answer: ReadAnswer): void {
    this.#answers.push(answer);
    this.#plan();
  }

  /** To be answered when all that was printed by now has left. */
  sync(ids: readonly number[]): void {
    this.#syncs.push(...ids);
    if (ids.length > 0) this.#plan();
  }

  close(): void {
    this.#over = true;
    this.#gathering?.cancel();
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      this.#flush();
    });
  }

  readonly #flush = (): void => {
    this.#gathering?.cancel();
    this.#gathering = undefined;
    while (!this.#over && !this.#blocked) {
      const { waitMs } = this.#rate;
      const lines = waitMs === 0 ? this.#live.take(messageBytes) : [];
      const { empty, isBehind } = this.#live;
      const synced = empty && !isBehind ? this.#syncs : [];
      const answers = this.#answers;
      if (lines.length + synced.length + answers.length > 0) {
        for (const { data } of lines) this.#rate.take(data.length);
        if (synced.length > 0) this.#syncs = [];
        this.#answers = [];
        this.#write({ ...silence, lines, synced, answers });
      }
      if (empty) return;
      if (waitMs === 0) continue;
      this.#gathering = this.#clock.after(waitMs, this.#flush);
      return;
    }
  };

  #write(word: NodeWord): void {
    this.#blocked = !this.#call.write(word);
  }
}
