import { type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import type {
  WatchNodeRequest,
  WatchNodeResponse,
} from "../../src/protocol/generated/flame/v1/backend.ts";
import { BackendClient, BackendService } from "../../src/protocol/generated/flame/v1/backend.ts";
import type { Node } from "../../src/protocol/generated/flame/v1/types.ts";
import { LoadClient } from "../overload/loads.ts";

/** What the node that works has, and no other: sessions that ask for it are served by that one. */
export const workerGpus = 1;

/** The first `count` nodes, and what each of them has. */
interface Workers extends Room {
  readonly count: number;
}

interface Room {
  readonly cpu: bigint;
  readonly gpu: number;
}

const beatMs = 5_000;
const nodesOfOneConnection = 100;
const registeredAtOnce = 20;

/** Nodes without programs: each registers and beats; the first ones take executors and end each task at once. */
export class ScriptedNodes {
  readonly #address: string;
  readonly #workers: Workers;
  /** How often an executor of them was bound to a session. */
  bound = 0;
  readonly #clients: { close(): void }[] = [];
  readonly #beats: NodeJS.Timeout[] = [];

  /** @param address of the Frontend; the Backend is one above */
  constructor(address: string, workers: Workers = { count: 1, cpu: 16n, gpu: workerGpus }) {
    this.#workers = workers;
    const [host = "", port = ""] = address.split(":");
    this.#address = `${host}:${Number(port) + 1}`;
  }

  async start(count: number): Promise<void> {
    let backend = this.#connect();
    for (let first = 0; first < count; first += registeredAtOnce) {
      if (first % nodesOfOneConnection === 0) backend = this.#connect();
      const size = Math.min(registeredAtOnce, count - first);
      await Promise.all(
        Array.from({ length: size }, (_, index) => this.#add(backend, first + index)),
      );
    }
  }

  close(): void {
    for (const beat of this.#beats) clearInterval(beat);
    for (const client of this.#clients) client.close();
  }

  #connect(): { readonly calls: LoadClient; readonly streams: BackendClient } {
    const calls = new LoadClient(this.#address);
    const streams = new BackendClient(this.#address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    this.#clients.push(calls, streams);
    return { calls, streams };
  }

  async #add(
    { calls, streams }: { readonly calls: LoadClient; readonly streams: BackendClient },
    index: number,
  ): Promise<void> {
    const name = `scale-node-${index}`;
    const isWorker = index < this.#workers.count;
    const node = nodeMessage(name, isWorker ? this.#workers : { cpu: 16n, gpu: 0 });
    await calls.call(BackendService.registerNode, { node, executors: [] });
    const stream: ClientDuplexStream<WatchNodeRequest, WatchNodeResponse> = streams.watchNode();
    stream.on("error", () => undefined);
    stream.on("data", ({ response }: WatchNodeResponse) => {
      if (response?.$case !== "executor" || !isWorker) return;
      const id = response.value.metadata?.id ?? "";
      if (response.value.status?.state === 1)
        void serve(calls, id, () => this.bound++).catch(() => undefined);
    });
    const beat = (): void =>
      void stream.write({ heartbeat: { nodeName: name, status: node.status } });
    beat();
    // Spread over the pause, as nodes that were started by people are.
    this.#beats.push(
      setTimeout(
        () => this.#beats.push(setInterval(beat, beatMs)),
        (beatMs * (index % 1_000)) / 1_000,
      ),
    );
  }
}

/** One executor, until its session gives it up. */
async function serve(calls: LoadClient, executorId: string, onBound: () => void): Promise<void> {
  const executorSpec = { node: "", resreq: undefined, shim: 0 as const };
  await calls.call(BackendService.registerExecutor, { executorId, executorSpec });
  for (;;) {
    const { session } = await calls.call(BackendService.bindExecutor, { executorId });
    if (session === undefined) break;
    await calls.call(BackendService.bindExecutorCompleted, { executorId, result: undefined });
    onBound();
    for (;;) {
      const { task } = await calls.call(BackendService.launchTask, { executorId });
      if (task === undefined) break;
      const taskResult = { returnCode: 0, output: undefined, message: undefined };
      await calls.call(BackendService.completeTask, { executorId, taskResult });
    }
    await calls.call(BackendService.unbindExecutor, { executorId });
    await calls.call(BackendService.unbindExecutorCompleted, { executorId });
  }
  await calls.call(BackendService.unregisterExecutor, { executorId });
}

function nodeMessage(name: string, { cpu, gpu }: Room): Node {
  const room = { cpu, memory: 64n << 30n, gpu };
  return {
    metadata: { id: name, name },
    spec: { hostname: name },
    status: {
      state: 1,
      capacity: room,
      allocatable: room,
      info: { arch: "x86_64", os: "linux" },
      addresses: [],
      lastHeartbeatTime: 0n,
    },
  };
}
