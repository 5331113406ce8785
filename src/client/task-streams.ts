import type { FrontendClient } from "./frontend-client.ts";
import { Limiter } from "./limiter.ts";
import type { PutOffOptions } from "./put-off.ts";
import { closedError } from "./rpc-error.ts";
import { SubmitLane } from "./submit-lane.ts";
import { TaskStream } from "./task-stream.ts";
import type { UnaryTasks } from "./unary-tasks.ts";

/** Large outputs that are fetched at once; each is in memory as a whole. */
const fetchesMax = 16;

export interface TaskStreamsDeps extends PutOffOptions {
  readonly rpc: Pick<FrontendClient, "duplex" | "failure" | "onceDisconnected">;
  readonly reconnectTimeoutMs: number;
  /** False: they are not used. @default true */
  readonly wanted?: boolean;
}

/** The streams of tasks of one client: mostly one, more when very many sessions have something under way. */
export class TaskStreams {
  readonly #deps: TaskStreamsDeps;
  readonly #fetches = new Limiter(fetchesMax);
  #streams: readonly TaskStream[] = [];
  #served: boolean;
  #closed = false;

  constructor(deps: TaskStreamsDeps) {
    this.#deps = deps;
    this.#served = deps.wanted ?? true;
  }

  /** False where they are not wanted, or the session manager of the present connection was found to have no such service. */
  get served(): boolean {
    return this.#served;
  }

  /** A way for inputs to one session. */
  lane(unary: UnaryTasks): SubmitLane {
    const { clock, callTimeoutMs, onPutOff } = this.#deps;
    return new SubmitLane({
      clock,
      callTimeoutMs,
      onPutOff,
      unary,
      fetches: this.#fetches,
      attach: () => this.#withRoom(),
    });
  }

  /** Ends everything that is under way. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#streams) stream.close(closedError());
  }

  #withRoom(): TaskStream {
    if (this.#closed) throw closedError();
    const found = this.#streams.find(({ hasRoom }) => hasRoom);
    if (found !== undefined) return found;
    const { rpc, clock, reconnectTimeoutMs } = this.#deps;
    const stream = new TaskStream({
      rpc,
      clock,
      reconnectTimeoutMs,
      onUnimplemented: () => this.#fallBack(),
      onLeft: (left) => {
        this.#streams = this.#streams.filter((one) => one !== left);
      },
    });
    this.#streams = [...this.#streams, stream];
    return stream;
  }

  /** Another session manager may answer on another connection. */
  #fallBack(): void {
    this.#served = false;
    this.#deps.rpc.onceDisconnected(() => {
      this.#served = true;
    });
  }
}
