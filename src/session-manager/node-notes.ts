import type { Metadata } from "@grpc/grpc-js";

/** Metadata of RegisterNode by which an executor manager tells its version (docs/protocol.md, "Administration"). */
const versionKey = "flame-version";
const versionLengthMax = 64;

/** Names kept at most; the ones that were noted first go first. */
const nodesMax = 10_000;

/** What is known of nodes for operators only: nothing depends on it, and a restart forgets it. */
export class NodeNotes {
  readonly #versions = new Map<string, string>();

  /** Reads what an executor manager tells of itself beside its registration. */
  registered(node: string, metadata: Metadata): void {
    const [version] = metadata.get(versionKey);
    this.#versions.delete(node);
    if (typeof version !== "string") return;
    this.#versions.set(node, version.slice(0, versionLengthMax));
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > nodesMax && oldest !== undefined) this.#versions.delete(oldest);
  }

  /** The version of a node's executor manager; undefined when it did not tell. */
  versionOf(node: string): string | undefined {
    return this.#versions.get(node);
  }
}
