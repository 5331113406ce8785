import type { Metadata } from "@grpc/grpc-js";
import { versionKey } from "../protocol/version-key.ts";

/** Metadata of RegisterNode (docs/protocol.md, "Administration"); a path is percent-encoded. */
const logsKey = "flame-logs";
const valueLengthMax = 4096;

/** Entries kept of each kind at most; what was noted first goes first. */
const notesMax = 10_000;

/** What is known of nodes for operators only: nothing depends on it, and a restart forgets it. */
export class NodeNotes {
  readonly #versions = new Map<string, string>();
  readonly #logs = new Map<string, string>();
  readonly #nodeOfExecutor = new Map<string, string>();
  readonly #nodesOfSession = new Map<string, Set<string>>();

  /** Reads what an executor manager tells of itself beside its registration. */
  registered(node: string, metadata: Metadata): void {
    note(this.#versions, node, textOf(metadata, versionKey));
    note(this.#logs, node, textOf(metadata, logsKey));
  }

  executorRegistered(executorId: string, node: string): void {
    note(this.#nodeOfExecutor, executorId, node);
  }

  /** An executor was given a session, whose output it keeps from now on. */
  bound(executorId: string, sessionId: string): void {
    const node = this.#nodeOfExecutor.get(executorId);
    if (node === undefined) return;
    note(
      this.#nodesOfSession,
      sessionId,
      (this.#nodesOfSession.get(sessionId) ?? new Set()).add(node),
    );
  }

  /** The version of a node's executor manager; undefined when it did not tell. */
  versionOf(node: string): string | undefined {
    return this.#versions.get(node);
  }

  /** The folder where a node keeps the output of services; undefined when it did not tell. */
  logsOf(node: string): string | undefined {
    return this.#logs.get(node);
  }

  /** The nodes that served a session since this session manager started. */
  nodesOf(sessionId: string): readonly string[] {
    return [...(this.#nodesOfSession.get(sessionId) ?? [])];
  }
}

function note<T>(notes: Map<string, T>, key: string, value: T | undefined): void {
  notes.delete(key);
  if (value !== undefined) notes.set(key, value);
  if (notes.size <= notesMax) return;
  const [oldest] = notes.keys();
  if (oldest !== undefined) notes.delete(oldest);
}

function textOf(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  if (typeof value !== "string") return undefined;
  try {
    return decodeURIComponent(value.slice(0, valueLengthMax));
  } catch {
    // Not percent-encoded: shown as it came.
    return value.slice(0, valueLengthMax);
  }
}
