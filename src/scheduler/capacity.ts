import {
  addResources,
  fits,
  noResources,
  type Resources,
  sameResources,
  subtractResources,
} from "../model/resources.ts";
import type { Rules } from "./policies.ts";
import type { ExecutorSupply, NodeSupply, SessionDemand, Snapshot } from "./ports.ts";
import type { Standing } from "./standing.ts";

/** What is left of one node while a decision is being made. */
export class NodeCapacity {
  readonly node: NodeSupply;
  /** Not taken by any executor now. */
  free: Resources;
  /** Free now or soon: what executors give back that leave anyway. */
  soonFree: Resources;
  executors = 0;
  /** How many of these leave anyway, less those that are counted on to follow them. */
  leaving = 0;
  /** Sessions that are still short: what is here is kept for them from those that the policies say. */
  readonly claims: Standing[] = [];

  constructor(node: NodeSupply) {
    this.node = node;
    this.free = node.allocatable;
    this.soonFree = node.allocatable;
  }

  /** The node could ever run an executor of the session. */
  suits(session: SessionDemand): boolean {
    return (
      fits(session.resreq, this.node.allocatable) &&
      (this.node.shim === undefined || this.node.shim === session.shim) &&
      (this.node.isOfThisMake || !session.needsThisMake)
    );
  }

  /** Nothing here is kept from the session. */
  opensTo(standing: Standing, rules: Rules): boolean {
    return !this.claims.some((short) => rules.keepsFrom(short, standing));
  }

  /** A new executor fits now, and takes nothing that a session before counts on. */
  hasRoom(need: Resources, executorsMax: number): boolean {
    const planned = this.executors - Math.min(0, this.leaving);
    return planned < executorsMax && fits(need, this.free) && fits(need, this.soonFree);
  }

  take(need: Resources): void {
    this.free = subtractResources(this.free, need);
    this.soonFree = subtractResources(this.soonFree, need);
    this.executors++;
  }

  /** The executor will leave: its resources come back soon. */
  willLeave(executor: ExecutorSupply): void {
    this.soonFree = addResources(this.soonFree, executor.resreq);
    this.leaving++;
  }

  /** A session that is short counts on this much of what is free or comes free. */
  reserve(need: Resources): void {
    this.soonFree = subtractResources(this.soonFree, need);
    this.leaving--;
  }
}

/** Room on the Ready nodes after all executors of the snapshot are placed; each takes room, unless its task waits for others. */
export function measureCapacity(snapshot: Snapshot): Map<string, NodeCapacity> {
  const nodes = new Map<string, NodeCapacity>();
  for (const node of snapshot.nodes) nodes.set(node.name, new NodeCapacity(node));
  for (const executor of snapshot.executors) {
    const node = nodes.get(executor.node);
    node?.take(executor.yields ? noResources : executor.resreq);
    if (executor.use === "leaving") node?.willLeave(executor);
  }
  return nodes;
}

/** An executor serves only sessions of exactly its resources and shim, and on nodes of another make none that need this one. */
export function serves(executor: ExecutorSupply, session: SessionDemand): boolean {
  return (
    executor.shim === session.shim &&
    (executor.isOfThisMake || !session.needsThisMake) &&
    sameResources(executor.resreq, session.resreq)
  );
}
