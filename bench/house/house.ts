import { join } from "node:path";
import { type Client, clientOf, startClient } from "./child.ts";
import {
  type BenchCluster,
  type ClusterConfig,
  foreignCluster,
  ManagerAlone,
  startOwnCluster,
} from "./cluster.ts";
import { PeerServer } from "./peer-server.ts";

export interface HouseOptions {
  /** Home with the built programs. */
  readonly prepared: string;
  /** Folder of the bundled clients. */
  readonly folder: string;
  readonly checkout: string;
  readonly quick: boolean;
  /** Tasks that `queue_1m` queues. */
  readonly queued: number;
  readonly endpoint: string | undefined;
  /** The Python that has what `--peers` measures, where it was asked for. */
  readonly peersPython?: string | undefined;
}

/** What benches share: sizes, clients, and clusters, which end with it. */
export class House {
  readonly #options: HouseOptions;
  readonly #closers = new Set<() => Promise<void>>();
  #shared: BenchCluster | undefined;
  #beginning: Promise<unknown> = Promise.resolve();
  readonly #peers: PeerServer[] = [];
  #isClosing = false;

  constructor(options: HouseOptions) {
    this.#options = options;
  }

  /** Home with the built programs. */
  get prepared(): string {
    return this.#options.prepared;
  }

  get queued(): number {
    return this.#options.queued;
  }

  /** A full size, or the small one of `--quick`. */
  size(full: number, quick: number): number {
    return this.#options.quick ? quick : full;
  }

  /** Whether a run warms up before the measured ones. */
  get warms(): boolean {
    return !this.#options.quick;
  }

  /** A file below `bench`. */
  file(path: string): string {
    return join(this.#options.checkout, "bench", path);
  }

  /** The cluster that benches share one after the other: that of `--endpoint`, or our own with the usual configuration. */
  async cluster(): Promise<BenchCluster> {
    const { endpoint, prepared } = this.#options;
    this.#shared ??=
      endpoint === undefined ? await this.ownCluster() : foreignCluster(prepared, endpoint);
    return this.#shared;
  }

  /** A cluster for one bench. */
  ownCluster(config?: ClusterConfig, env?: NodeJS.ProcessEnv): Promise<BenchCluster> {
    return this.#begin(async () => {
      const cluster = await startOwnCluster(this.prepared, config, env);
      return { ...cluster, stop: this.ending(() => cluster.stop()) };
    });
  }

  /** A session manager alone for one bench, not started yet; `close` ends it and removes its home. */
  managerAlone(
    config?: ClusterConfig,
  ): Promise<{ manager: ManagerAlone; close: () => Promise<void> }> {
    return this.#begin(async () => {
      const manager = await ManagerAlone.prepare(this.prepared, config);
      return { manager, close: this.ending(() => manager.close()) };
    });
  }

  /** The daemons of a peer of Flame; `close` ends them and removes what they wrote. */
  peer(name: string): Promise<{ server: PeerServer; close: () => Promise<void> }> {
    return this.#begin(async () => {
      const python = this.#options.peersPython;
      if (python === undefined) throw new Error("nothing was installed for --peers");
      const server = await PeerServer.start([python, this.file("peers/measure.py"), name]);
      this.#peers.push(server);
      return { server, close: this.ending(() => server.close()) };
    });
  }

  /** CPU milliseconds so far of processes of ours that have ended and that no parent of theirs counts. */
  get uncountedMs(): number {
    return this.#peers.reduce((sum, { uncountedMs }) => sum + uncountedMs, 0);
  }

  /** What begins is waited for before everything is ended. */
  #begin<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosing) return Promise.reject(new Error("the bench was asked to stop"));
    const begun = work();
    this.#beginning = Promise.allSettled([this.#beginning, begun]);
    return begun;
  }

  /** Starts one of the bundled clients, or a load of it. */
  client<T>(
    name: "tasks" | "overload" | "registry" | "scale" | "crowd",
    env: NodeJS.ProcessEnv,
    ...args: (string | number)[]
  ): Client<T> {
    return startClient<T>(clientOf(this.#options.folder, name, ...args), env);
  }

  /** Remembers how to end something, in case nobody does; gives what ends it, once. */
  ending(close: () => Promise<void>): () => Promise<void> {
    let closed: Promise<void> | undefined;
    const once = (): Promise<void> => {
      closed ??= close().finally(() => this.#closers.delete(once));
      return closed;
    };
    this.#closers.add(once);
    return once;
  }

  /** Ends the cluster that was shared: the next benches have their own. */
  async leaveCluster(): Promise<void> {
    const cluster = this.#shared;
    this.#shared = undefined;
    await cluster?.stop();
  }

  /** Whether nothing is to begin any more. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Ends everything that is still there, and lets nothing more begin. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#shared = undefined;
    await this.#beginning;
    for (const close of [...this.#closers].reverse()) await close();
  }
}
