import type { Metadata } from "@grpc/grpc-js";
import { TwoGenerations } from "../../kit/two-generations.ts";
import { logStreamKey } from "../../protocol/log-stream-key.ts";

/** Metadata of RegisterNode (docs/protocol.md, "Administration"); a path is percent-encoded. */
const logsKey = "flame-logs";
const valueLengthMax = 4096;

/** Entries kept of each kind: the newest 10,000 at least. */
const notesMax = 20_000;

/** What is known of nodes for those who look for logs: nothing depends on it, and a restart forgets it. */
export class NodeNotes {
  readonly #logs = new TwoGenerations<string, string>(notesMax);
  readonly #tellsPrints = new TwoGenerations<string, boolean>(notesMax);
  readonly #nodeOfExecutor = new TwoGenerations<string, string>(notesMax);
  readonly #nodesOfSession = new TwoGenerations<string, Set<string>>(notesMax);

  /** Reads what an executor manager tells of itself beside its registration. */
  registered(node: string, metadata: Metadata): void {
    const logs = textOf(metadata, logsKey);
    if (logs === undefined) this.#logs.delete(node);
    else this.#logs.set(node, logs);
    this.#tellsPrints.set(node, metadata.get(logStreamKey).length > 0);
  }

  executorRegistered(executorId: string, node: string): void {
    this.#nodeOfExecutor.set(executorId, node);
  }

  /** An executor was given a session, whose output it keeps from now on. */
  bound(executorId: string, sessionId: string): void {
    const node = this.#nodeOfExecutor.get(executorId);
    if (node === undefined) return;
    const nodes = this.#nodesOfSession.get(sessionId) ?? new Set();
    this.#nodesOfSession.set(sessionId, nodes.add(node));
  }

  /** The folder where a node keeps the output of services; undefined when it did not tell. */
  logsOf(node: string): string | undefined {
    return this.#logs.get(node);
  }

  /** Its executor manager opens a stream of what services print, whether or not there is one now. */
  tellsPrints(node: string): boolean {
    return this.#tellsPrints.get(node) ?? false;
  }

  /** The nodes that served a session since this session manager started. */
  nodesOf(sessionId: string): readonly string[] {
    return [...(this.#nodesOfSession.get(sessionId) ?? [])];
  }
}

/** What a key of the metadata says, shortened; percent-encoding is undone. */
export function textOf(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  if (typeof value !== "string") return undefined;
  try {
    return decodeURIComponent(value.slice(0, valueLengthMax));
  } catch {
    // Not percent-encoded: shown as it came.
    return value.slice(0, valueLengthMax);
  }
}
