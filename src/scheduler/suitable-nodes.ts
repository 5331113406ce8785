import { fits, resourcesKey } from "../model/resources.ts";
import type { NodeCapacity } from "./capacity.ts";
import type { SessionDemand } from "./ports.ts";

/** Nodes for sessions that ask for the same, in their order. */
interface Suitable {
  readonly nodes: readonly NodeCapacity[];
  /** The nodes before this one are full for these sessions. */
  from: number;
}

/** The nodes that could run executors of a session, found once for all sessions that ask for the same. */
export class SuitableNodes {
  readonly #nodes: ReadonlyMap<string, NodeCapacity>;
  readonly #byKind = new Map<string, Suitable>();

  constructor(nodes: ReadonlyMap<string, NodeCapacity>) {
    this.#nodes = nodes;
  }

  of(session: SessionDemand): readonly NodeCapacity[] {
    return this.#of(session).nodes;
  }

  /** The first one that `takes` the session, among those on which one more executor fits now. */
  first(session: SessionDemand, takes: (node: NodeCapacity) => boolean): NodeCapacity | undefined {
    const suitable = this.#of(session);
    const { nodes } = suitable;
    for (let index = suitable.from; index < nodes.length; index++) {
      const node = nodes[index];
      if (node === undefined) break;
      // What is free only becomes less while a decision is being made.
      if (!fits(session.resreq, node.free)) {
        if (index === suitable.from) suitable.from++;
      } else if (takes(node)) return node;
    }
    return undefined;
  }

  #of(session: SessionDemand): Suitable {
    const { shim, needsThisMake, resreq } = session;
    const kind = `${shim} ${needsThisMake} ${resourcesKey(resreq)}`;
    const known = this.#byKind.get(kind);
    if (known !== undefined) return known;
    const nodes = [...this.#nodes.values()].filter((node) => node.suits(session));
    const suitable = { nodes, from: 0 };
    this.#byKind.set(kind, suitable);
    return suitable;
  }
}
