import { type ClientDuplexStream, type ServiceError, status } from "@grpc/grpc-js";
import { Backoff } from "../../kit/backoff.ts";
import type { Clock, Timer } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import type { NodeOrder, NodeWord } from "../../protocol/generated/flame/logs/v1/node_logs.ts";
import type { LogReads } from "./log-reads.ts";

/** The node's end of a stream of logs. */
export type LogCall = ClientDuplexStream<NodeWord, NodeOrder>;

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;

export interface LogStreamDeps {
  /** Begins a call on the connection of the node. */
  readonly begin: () => LogCall;
  readonly reads: LogReads;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
}

/**
 * Carries what services print to a session manager that asks for it (docs/protocol.md, "Prints"). A stream of its own: work
 * never waits behind logs, and goes on without them.
 */
export class LogStream {
  readonly #deps: LogStreamDeps;
  readonly #backoff = new Backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  #call: LogCall | undefined;
  #retry: Timer | undefined;

  constructor(deps: LogStreamDeps) {
    this.#deps = deps;
  }

  /** On a connection on which the node has registered. */
  open(): void {
    this.shut();
    const { begin, nodeName, logger, clock } = this.#deps;
    const call = begin();
    this.#call = call;
    const over = (why: string, absent: boolean): void => {
      if (this.#call !== call) return;
      this.shut();
      logger.debug({ reason: why }, "no stream of logs");
      // Without the service there is nothing to ask for before the next connection.
      if (!absent) this.#retry = clock.after(this.#backoff.next(), () => this.open());
    };
    call.on("data", (order: NodeOrder) => {
      if (this.#call !== call) return;
      this.#backoff.reset();
      this.#take(call, order);
    });
    call.on("error", (error: ServiceError) =>
      over(error.message, error.code === status.UNIMPLEMENTED),
    );
    call.on("end", () => over("the session manager ended it", false));
    call.write({ node: nodeName, answers: [] });
  }

  shut(): void {
    const call = this.#call;
    this.#call = undefined;
    this.#retry?.cancel();
    this.#deps.reads.forgetAll();
    call?.cancel();
  }

  #take(call: LogCall, { reads, forget }: NodeOrder): void {
    for (const order of reads)
      void this.#deps.reads.answer(order).then((answer) => {
        if (this.#call === call) call.write({ node: "", answers: [answer] });
      });
    this.#deps.reads.forget(forget);
  }
}
