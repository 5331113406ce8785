import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * What a network between two machines can do to connections.
 * - blackhole: nothing arrives on either side, and neither side is told.
 * - to-manager, to-node: nothing arrives in that direction alone.
 * - half-open: the manager's ends of all connections are closed, the node is not told.
 * - reset: both ends of all connections are reset; new ones work at once.
 */
export const partitionKinds = ["blackhole", "to-manager", "to-node", "half-open", "reset"] as const;
export type PartitionKind = (typeof partitionKinds)[number];

interface Link {
  /** The node's end. */
  readonly node: Socket;
  /** The manager's end. */
  readonly manager: Socket;
  /** The node is not told that its connection is gone. */
  halfOpen: boolean;
}

/** Passes connections of a node on to its session manager, and breaks them when a test says so. */
export class PartitionProxy {
  readonly #servers: Server[] = [];
  readonly #links = new Set<Link>();
  readonly #silent = { toManager: false, toNode: false };

  /**
   * @param from first port to listen on, on 127.0.0.1; the next one is Backend
   * @param to port of the Frontend; the next one is the Backend
   */
  static async start(from: number, to: number): Promise<PartitionProxy> {
    const proxy = new PartitionProxy();
    for (const offset of [0, 1]) await proxy.#listen(from + offset, to + offset);
    return proxy;
  }

  /** Breaks the network; what only lasts ends with {@link heal}. */
  cut(kind: PartitionKind): void {
    if (kind === "blackhole" || kind === "to-manager") this.#silent.toManager = true;
    if (kind === "blackhole" || kind === "to-node") this.#silent.toNode = true;
    for (const link of this.#links) {
      if (kind === "reset") {
        link.node.resetAndDestroy();
        link.manager.resetAndDestroy();
      } else if (kind === "half-open") {
        link.halfOpen = true;
        link.manager.destroy();
      }
    }
    this.#apply();
  }

  /** Everything that was held back arrives now, as TCP sends again what was not acknowledged. */
  heal(): void {
    this.#silent.toManager = false;
    this.#silent.toNode = false;
    this.#apply();
  }

  async close(): Promise<void> {
    for (const { node, manager } of this.#links) {
      node.destroy();
      manager.destroy();
    }
    await Promise.all(
      this.#servers.map((server) => new Promise((resolve) => server.close(resolve))),
    );
  }

  #listen(from: number, to: number): Promise<void> {
    const server = createServer((node) => {
      this.#join(node, connect(to, "127.0.0.1"));
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(from, "127.0.0.1", resolve);
    });
  }

  #join(node: Socket, manager: Socket): void {
    const link: Link = { node, manager, halfOpen: false };
    this.#links.add(link);
    // A socket that is silent is not read: what it sends waits in the operating system, as on a network that is away.
    node.on("data", (data) => manager.write(data));
    manager.on("data", (data) => node.write(data));
    for (const socket of [node, manager]) socket.on("error", () => undefined);
    node.on("close", () => {
      manager.destroy();
      this.#links.delete(link);
    });
    manager.on("close", () => {
      if (!link.halfOpen) node.destroy();
    });
    this.#apply();
  }

  #apply(): void {
    for (const { node, manager } of this.#links) {
      if (this.#silent.toManager) node.pause();
      else node.resume();
      if (this.#silent.toNode) manager.pause();
      else manager.resume();
    }
  }
}
