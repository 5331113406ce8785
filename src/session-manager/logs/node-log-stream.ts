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

const nothing: NodeOrder = { reads: [], forget: [] };

/** The stream of logs of one node. */
export class NodeLogStream {
  readonly node: string;
  readonly #call: NodeLogCall;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #lastRead = 0;

  constructor(node: string, call: NodeLogCall, clock: Clock) {
    this.node = node;
    this.#call = call;
    this.#clock = clock;
  }

  /** The id of a read that goes on from piece to piece. */
  newRead(): number {
    return ++this.#lastRead;
  }

  /** @throws FlameError unavailable when the node does not answer, or says that it cannot read */
  ask(order: ReadOrder): Promise<ReadAnswer> {
    return new Promise((resolve, reject) => {
      const silent = (): void => this.#end(order.read, `no answer for ${answerMs / 1000} seconds`);
      const timer = this.#clock.after(answerMs, silent);
      this.#waiting.set(order.read, { resolve, reject, timer });
      this.#call.write({ ...nothing, reads: [order] });
    });
  }

  forget(read: number): void {
    if (!this.#call.writableEnded) this.#call.write({ ...nothing, forget: [read] });
  }

  came({ answers }: NodeWord): void {
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

  /** The node has gone, or another stream speaks for it. */
  close(): void {
    for (const read of [...this.#waiting.keys()]) this.#end(read, "it went away");
    this.#call.end();
  }

  #end(read: number, why: string): void {
    const waiting = this.#waiting.get(read);
    if (waiting === undefined) return;
    this.#waiting.delete(read);
    waiting.timer.cancel();
    waiting.reject(new FlameError("unavailable", why));
  }
}
