import type { ServiceLines } from "../../process/session-log-files.ts";
import type { ReadOrder } from "../../protocol/generated/flame/logs/v1/node_logs.ts";
import type { NodeLogStream } from "./node-log-stream.ts";

/** What the services of one session wrote into files of another node; each further read tells what was added. */
export class NodeLogFiles {
  readonly #stream: NodeLogStream;
  readonly #order: Omit<ReadOrder, "last">;
  found = false;

  constructor(stream: NodeLogStream, sessionId: string, taskId: string | undefined) {
    this.#stream = stream;
    this.#order = { read: stream.newRead(), sessionId, taskId };
  }

  /**
   * @param last an unfinished line is told as well
   * @throws FlameError unavailable when the node went away, or cannot read
   */
  async *read(last: boolean): AsyncGenerator<ServiceLines, void, void> {
    for (let over = false; !over; ) {
      const answer = await this.#stream.ask({ ...this.#order, last });
      ({ over } = answer);
      this.found ||= answer.found;
      for (const { executorId, stream, taskId, data } of answer.pieces)
        yield { executorId, stream, taskId, data };
    }
  }

  close(): void {
    this.#stream.forget(this.#order.read);
  }
}
