import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Clock, Timer } from "../../kit/clock.ts";
import { FlameError } from "../../model/errors.ts";
import type {
  NodeOrder,
  NodeWord,
  ReadAnswer,
  ReadOrder,
} from "../../protocol/generated/flame/logs/v1/node_logs.ts";

export type NodeLogCall = ServerDuplexStream<NodeWord, NodeOrder>;

/** A node that does not answer for so long is taken for one that is away. */
const answerMs = 10_000;

interface Waiting {
  readonly resolve: (answer: ReadAnswer) => void;
  readonly reject: (error: FlameError) => void;
  readonly timer: Timer;
}

const nothing: NodeOrder = { reads: [], forget: [], follow: [], unfollow: [], sync: [] };

/** The stream of logs of one node. */
export class NodeLogStream {
  readonly node: string;
  readonly #call: NodeLogCall;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  readonly #followed = new Set<string>();
  readonly #syncs = new Map<number, () => void>();
  #lastId = 0;

  constructor(node: string, call: NodeLogCall, clock: Clock) {
    this.node = node;
    this.#call = call;
    this.#clock = clock;
  }

  /** The id of a read that goes on from piece to piece. */
  newRead(): number {
    return ++this.#lastId;
  }

  /** @throws FlameError unavailable when the node does not answer, or says that it cannot read */
  ask(order: ReadOrder): Promise<ReadAnswer> {
    return new Promise((resolve, reject) => {
      const silent = (): void => this.#end(order.read, `no answer for ${answerMs / 1000} seconds`);
      const timer = this.#clock.after(answerMs, silent);
      this.#waiting.set(order.read, { resolve, reject, timer });
      this.#say({ reads: [order] });
    });
  }

  forget(read: number): void {
    this.#say({ forget: [read] });
  }

  follow(sessionId: string): void {
    if (this.#followed.has(sessionId)) return;
    this.#followed.add(sessionId);
    this.#say({ follow: [sessionId] });
  }

  unfollow(sessionId: string): void {
    if (this.#followed.delete(sessionId)) this.#say({ unfollow: [sessionId] });
  }

  /** Resolves when all that was printed of the session by now has come; at once where it is not followed. */
  synced(sessionId: string): Promise<void> {
    if (!this.#followed.has(sessionId)) return Promise.resolve();
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#syncs.set(id, resolve);
      this.#say({ sync: [id] });
    });
  }

  came({ answers, synced }: NodeWord): void {
    for (const id of synced) {
      this.#syncs.get(id)?.();
      this.#syncs.delete(id);
    }
    for (const answer of answers) {
      const waiting = this.#waiting.get(answer.read);
      if (waiting === undefined) continue;
      if (answer.fault !== undefined) {
        this.#end(answer.read, answer.fault);
        continue;
      }
      this.#waiting.delete(answer.read);
      waiting.timer.cancel();
      waiting.resolve(answer);
    }
  }

  /** Nothing is read of it for so long. */
  pause(ms: number): void {
    this.#call.pause();
    this.#clock.after(ms, () => this.#call.resume());
  }

  /** The node has gone, or another stream speaks for it. */
  close(): void {
    for (const read of [...this.#waiting.keys()]) this.#end(read, "it went away");
    for (const resolve of this.#syncs.values()) resolve();
    this.#syncs.clear();
    this.#call.end();
  }

  #say(order: Partial<NodeOrder>): void {
    if (!this.#call.writableEnded) this.#call.write({ ...nothing, ...order });
  }

  #end(read: number, why: string): void {
    const waiting = this.#waiting.get(read);
    if (waiting === undefined) return;
    this.#waiting.delete(read);
    waiting.timer.cancel();
    waiting.reject(new FlameError("unavailable", why));
  }
}
