import { Metadata } from "@grpc/grpc-js";
import type { Clock } from "../../kit/clock.ts";
import { FlameError } from "../../model/errors.ts";
import type { NodeLogsServer, NodeWord } from "../../protocol/generated/flame/logs/v1/node_logs.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";
import { type NodeLogCall, NodeLogStream } from "./node-log-stream.ts";

/** Nodes that tell what services print, by the stream that each has opened for it (docs/protocol.md, "Prints"). */
export class NodeLogs {
  readonly #clock: Clock;
  readonly #streams = new Map<string, NodeLogStream>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get nodes(): readonly string[] {
    return [...this.#streams.keys()];
  }

  /** Undefined while the node is away, and for one that does not know how. */
  find(node: string): NodeLogStream | undefined {
    return this.#streams.get(node);
  }

  /** `flame.logs.v1.NodeLogs`. */
  service(): NodeLogsServer {
    return { serve: (call) => this.#serve(call) };
  }

  #serve(call: NodeLogCall): void {
    call.sendMetadata(new Metadata());
    let stream: NodeLogStream | undefined;
    const gone = (): void => {
      if (stream === undefined) return;
      if (this.#streams.get(stream.node) === stream) this.#streams.delete(stream.node);
      stream.close();
    };
    call.on("data", (word: NodeWord) => {
      if (stream !== undefined) stream.came(word);
      else if (word.node === "") call.emit("error", statusOf(nameless()));
      else stream = this.#enter(word.node, call);
    });
    call.on("end", () => {
      gone();
      call.end();
    });
    call.on("cancelled", gone);
    call.on("error", gone);
  }

  /** Of two streams of a node the newer one speaks. */
  #enter(node: string, call: NodeLogCall): NodeLogStream {
    this.#streams.get(node)?.close();
    const stream = new NodeLogStream(node, call, this.#clock);
    this.#streams.set(node, stream);
    return stream;
  }
}

function nameless(): FlameError {
  const text =
    "Serve: the first message names no node: expected node, as it was registered with RegisterNode";
  return new FlameError("invalid_argument", text);
}
