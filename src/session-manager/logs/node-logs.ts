import { Metadata } from "@grpc/grpc-js";
import { refuseStranger } from "../../core/node-owners.ts";
import type { NodeEntry } from "../../executors/node-book.ts";
import type { Clock } from "../../kit/clock.ts";
import { FlameError } from "../../model/errors.ts";
import type { NodeLogsServer, NodeWord } from "../../protocol/generated/flame/logs/v1/node_logs.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";
import { identityOf } from "../../security/authentication.ts";
import { type NodeLogCall, NodeLogStream } from "./node-log-stream.ts";

/** The machine's nodes. */
interface NodesByName {
  find(name: string): NodeEntry | undefined;
}

/** Nodes that tell what services print, by the stream that each has opened for it (docs/protocol.md, "Prints"). */
export class NodeLogs {
  readonly #clock: Clock;
  readonly #nodes: NodesByName;
  readonly #streams = new Map<string, NodeLogStream>();

  /** @param nodes says to whom their names belong */
  constructor(clock: Clock, nodes: NodesByName) {
    this.#clock = clock;
    this.#nodes = nodes;
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
      try {
        if (stream === undefined) stream = this.#enter(word.node, call);
        else stream.came(word);
      } catch (thrown) {
        call.emit("error", statusOf(thrown));
      }
    });
    call.on("end", () => {
      gone();
      call.end();
    });
    call.on("cancelled", gone);
    call.on("error", gone);
  }

  /**
   * Of two streams of a node the newer one speaks.
   * @throws FlameError invalid_argument without a node's name, permission_denied for that of another caller's node
   */
  #enter(node: string, call: NodeLogCall): NodeLogStream {
    if (node === "") throw nameless();
    refuseStranger(this.#nodes.find(node), identityOf(call));
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
