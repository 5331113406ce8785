import { TwoGenerations } from "../../kit/two-generations.ts";
import type { NodeCaller } from "../../model/node.ts";

/** Changes within this time are counted, and a warning is shown for so long after its cause. */
const windowMs = 60_000;
/** Changes within the window that may be: an executor manager that is restarted, a network that breaks. */
const changesAllowed = 3;
/** What is counted at most; nobody needs the exact number beyond it. */
const changesCounted = 100;
/** Names that are followed: the 10,000 that were heard last at least. */
const nodesMax = 20_000;

interface Speaker {
  /** Its instance, or its connection when it does not tell that. */
  readonly key: string;
  readonly address: string;
}

interface Node {
  speaker: Speaker | undefined;
  /** From whose address to whose, and when, in steady milliseconds. */
  changes: { readonly at: number; readonly from: string; readonly to: string }[];
  /** A second executor manager that was refused. */
  rival: { readonly at: number; readonly address: string } | undefined;
  toldAt: number;
}

/**
 * Who spoke for each node lately, so that two executor managers of one name are noticed (docs/protocol.md, "Two nodes of one
 * name"). For operators only: nothing depends on it, and a restart forgets it.
 */
export class NodeSpeakers {
  readonly #now: () => number;
  readonly #nodes = new TwoGenerations<string, Node>(nodesMax);

  /** @param now steady milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Somebody has registered as the node. @returns what should be logged now */
  accepted(name: string, caller: NodeCaller): string | undefined {
    const node = this.#node(name);
    const { speaker: before } = node;
    const speaker = speakerOf(caller);
    node.speaker = speaker;
    if (node.rival?.address === speaker.address) node.rival = undefined;
    if (before !== undefined && before.key !== speaker.key) {
      node.changes.push({ at: this.#now(), from: before.address, to: speaker.address });
      if (node.changes.length > changesCounted) node.changes.shift();
    }
    return this.#tell(name, node);
  }

  /** Somebody was refused as a second executor manager of the name. @returns what should be logged now */
  refused(name: string, { address = unknownAddress }: NodeCaller): string | undefined {
    const node = this.#node(name);
    node.rival = { at: this.#now(), address };
    return this.#tell(name, node);
  }

  /** The node was released: who comes next takes it from nobody. */
  left(name: string, caller: NodeCaller): void {
    const node = this.#nodes.get(name);
    if (node?.speaker?.key === speakerOf(caller).key) node.speaker = undefined;
  }

  /** What an operator should know of the node now. */
  warningOf(name: string): string | undefined {
    const node = this.#nodes.get(name);
    if (node === undefined) return undefined;
    const since = this.#now() - windowMs;
    node.changes = node.changes.filter(({ at }) => at > since);
    const last = node.changes.at(-1);
    if (last !== undefined && node.changes.length > changesAllowed) {
      return (
        `its executor manager changed ${node.changes.length} times in the last minute, lately from ${last.from} to ` +
        `${last.to}: two of one name take it from each other, or one is started again and again; one name is one node: ` +
        "give each a name of its own"
      );
    }
    if (node.rival === undefined || node.rival.at <= since) return undefined;
    return (
      `another executor manager asks for this name, at ${node.rival.address}, and is refused: give it a name of its own ` +
      "(flame-executor-manager --node-name, or FLAME_NODE_NAME), or stop it"
    );
  }

  #tell(name: string, node: Node): string | undefined {
    const warning = this.warningOf(name);
    const now = this.#now();
    if (warning === undefined || now - node.toldAt < windowMs) return undefined;
    node.toldAt = now;
    return warning;
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name) ?? {
      speaker: undefined,
      changes: [],
      rival: undefined,
      toldAt: Number.NEGATIVE_INFINITY,
    };
    this.#nodes.set(name, node);
    return node;
  }
}

const unknownAddress = "an unknown address";

function speakerOf({ instance, address = unknownAddress }: NodeCaller): Speaker {
  return { key: instance ?? address, address };
}
