import {
  type ClientDuplexStream,
  type ClientOptions,
  credentials,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  NodeLogsClient,
  type NodeOrder,
  type NodeWord,
} from "../../../src/protocol/generated/flame/logs/v1/node_logs.ts";

/** The node's end of a stream of logs, which only a test drives. */
export class ScriptedLogs {
  readonly orders: NodeOrder[] = [];
  /** How it ended: a status, OK with an empty text; undefined while it is open. */
  ended: { readonly code: number; readonly details: string } | undefined;
  readonly #client: NodeLogsClient;
  readonly #call: ClientDuplexStream<NodeWord, NodeOrder>;

  /** @param endpoint of the Frontend; the Backend listens on the next port */
  constructor(endpoint: string, node: string, own: ClientOptions = {}) {
    const { hostname, port } = new URL(endpoint);
    this.#client = new NodeLogsClient(
      `${hostname}:${Number(port) + 1}`,
      credentials.createInsecure(),
      { "grpc.use_local_subchannel_pool": 1, ...own },
    );
    this.#call = this.#client.serve();
    this.#call.on("data", (order: NodeOrder) => this.orders.push(order));
    this.#call.on("error", ({ code, details }: ServiceError) => (this.ended ??= { code, details }));
    this.#call.on("end", () => (this.ended ??= { code: 0, details: "" }));
    this.say({ node });
  }

  say(word: Partial<NodeWord>): void {
    this.#call.write({ node: "", answers: [], lines: [], synced: [], ...word });
  }

  close(): void {
    this.#call.cancel();
    this.#client.close();
  }
}
