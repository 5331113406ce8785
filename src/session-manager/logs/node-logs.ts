import { Metadata } from "@grpc/grpc-js";
import { refuseStranger } from "../../core/node-owners.ts";
import type { NodeEntry } from "../../executors/node-book.ts";
import { ByteRate } from "../../kit/byte-rate.ts";
import type { Clock } from "../../kit/clock.ts";
import { FlameError } from "../../model/errors.ts";
import { SharedBytes } from "../../process/line-backlog.ts";
import type { LogsServer } from "../../protocol/generated/flame/logs/v1/logs.ts";
import type { NodeLogsServer, NodeWord } from "../../protocol/generated/flame/logs/v1/node_logs.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";
import { identityOf } from "../../security/authentication.ts";
import { type FindSession, FollowStream } from "./follow-stream.ts";
import { LiveLogs, type LogPlaces } from "./live-logs.ts";
import { type NodeLogCall, NodeLogStream } from "./node-log-stream.ts";

/** So much waits for all clients that follow together, in bytes. */
const waitingBytesMax = 64 * 1024 * 1024;
/** What is read of all nodes together in a second, in bytes, and at once after a pause: nodes leave out what is more. */
const bytesPerSecond = 64 * 1024 * 1024;
const burstBytes = 32 * 1024 * 1024;

/** The machine's nodes. */
interface NodesByName {
  find(name: string): NodeEntry | undefined;
}

/** Nodes that tell what services print, by the stream that each has opened for it (docs/protocol.md, "Prints"). */
export class NodeLogs {
  readonly #clock: Clock;
  readonly #nodes: NodesByName;
  readonly #streams = new Map<string, NodeLogStream>();
  readonly #rate: ByteRate;
  readonly live: LiveLogs;

  /** @param nodes says to whom their names belong */
  constructor(clock: Clock, nodes: NodesByName, places: LogPlaces) {
    this.#clock = clock;
    this.#nodes = nodes;
    this.#rate = new ByteRate(clock, bytesPerSecond, burstBytes);
    this.live = new LiveLogs({ clock, places, find: (node) => this.find(node) });
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

  /** `flame.logs.v1.Logs`. */
  clientService(find: FindSession): LogsServer {
    const shared = new SharedBytes(waitingBytesMax);
    const deps = { live: this.live, shared, find };
    return { follow: (call) => new FollowStream(deps, call).serve() };
  }

  #serve(call: NodeLogCall): void {
    call.sendMetadata(new Metadata());
    let stream: NodeLogStream | undefined;
    const gone = (): void => {
      if (stream === undefined) return;
      stream.close();
      if (this.#streams.get(stream.node) !== stream) return;
      this.#streams.delete(stream.node);
      this.live.closed(stream.node);
    };
    call.on("data", (word: NodeWord) => {
      try {
        if (stream === undefined) stream = this.#enter(word.node, call);
        else {
          // The name may have gone to another one since.
          this.#refuseOthers(stream.node, call);
          this.#came(stream, word);
        }
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
   * @throws FlameError invalid_argument without a node's name, invalid_state before the node was registered, permission_denied
   *   for another caller's node
   */
  #enter(node: string, call: NodeLogCall): NodeLogStream {
    if (node === "") throw nameless();
    this.#refuseOthers(node, call);
    this.#streams.get(node)?.close();
    const stream = new NodeLogStream(node, call, this.#clock);
    this.#streams.set(node, stream);
    this.live.opened(stream);
    return stream;
  }

  #refuseOthers(node: string, call: NodeLogCall): void {
    const entry = this.#nodes.find(node);
    if (entry === undefined) throw unregistered(node);
    refuseStranger(entry, identityOf(call));
  }

  #came(stream: NodeLogStream, word: NodeWord): void {
    // First: who waits for an answer to a sync wants them before it.
    this.live.came(stream.node, word.lines);
    stream.came(word);
    for (const { data } of word.lines) this.#rate.take(data.length);
    const { waitMs } = this.#rate;
    if (waitMs > 0) stream.pause(waitMs);
  }
}

function nameless(): FlameError {
  const text =
    "Serve: the first message names no node: expected node, as it was registered with RegisterNode";
  return new FlameError("invalid_argument", text);
}

function unregistered(node: string): FlameError {
  const text = `Serve: node ${JSON.stringify(node.slice(0, 200))} is not registered: call RegisterNode first`;
  return new FlameError("invalid_state", text);
}
