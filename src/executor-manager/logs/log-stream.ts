import { type ServiceError, status } from "@grpc/grpc-js";
import { Backoff } from "../../kit/backoff.ts";
import type { Clock, Timer } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import type { NodeOrder } from "../../protocol/generated/flame/logs/v1/node_logs.ts";
import type { LiveLogs } from "./live-logs.ts";
import { type LogCall, LogOutbox } from "./log-outbox.ts";
import type { LogReads } from "./log-reads.ts";

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;

export interface LogStreamDeps {
  /** Begins a call on the connection of the node. */
  readonly begin: () => LogCall;
  readonly reads: LogReads;
  readonly live: LiveLogs;
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
  #outbox: LogOutbox | undefined;
  #retry: Timer | undefined;

  constructor(deps: LogStreamDeps) {
    this.#deps = deps;
  }

  /** On a connection on which the node has registered. */
  open(): void {
    this.shut();
    const { begin, nodeName, live, logger, clock } = this.#deps;
    const call = begin();
    const outbox = new LogOutbox(call, live, clock);
    this.#call = call;
    this.#outbox = outbox;
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
      this.#take(outbox, order);
    });
    call.on("error", (error: ServiceError) =>
      over(error.message, error.code === status.UNIMPLEMENTED),
    );
    call.on("end", () => over("the session manager ended it", false));
    outbox.hello(nodeName);
  }

  shut(): void {
    const call = this.#call;
    this.#call = undefined;
    this.#retry?.cancel();
    this.#outbox?.close();
    this.#deps.reads.forgetAll();
    this.#deps.live.unfollowAll();
    call?.cancel();
  }

  #take(outbox: LogOutbox, { reads, forget, follow, unfollow, sync }: NodeOrder): void {
    const { live } = this.#deps;
    for (const order of reads)
      void this.#deps.reads.answer(order).then((answer) => outbox.answer(answer));
    this.#deps.reads.forget(forget);
    live.follow(follow);
    live.unfollow(unfollow);
    outbox.sync(sync);
  }
}
