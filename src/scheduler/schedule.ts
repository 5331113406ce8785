import { addResources, fits } from "../model/resources.ts";
import { measureCapacity, type NodeCapacity, serves } from "./capacity.ts";
import type { Decision, ExecutorSupply, SessionDemand, Snapshot } from "./ports.ts";

/**
 * Who gets which executor: policy `priority` (docs/protocol.md, "Scheduling"). Sessions are served highest priority
 * first, older first, each up to min(demand, max_instances); fit is always checked; a session that is still short keeps
 * later ones off the nodes it could use, and takes back executors that only wait. Pure: the same snapshot, the same answer.
 */
export function schedule(snapshot: Snapshot): Decision[] {
  return new Round(snapshot).run();
}

class Round {
  readonly #snapshot: Snapshot;
  readonly #nodes: Map<string, NodeCapacity>;
  readonly #idle: Set<ExecutorSupply>;
  readonly #arriving: Set<ExecutorSupply>;
  readonly #executors = new Map<string, ExecutorSupply>();
  readonly #heldByApplication = new Map<string, number>();
  readonly #reclaimed = new Set<string>();
  readonly #decisions: Decision[] = [];

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.#nodes = measureCapacity(snapshot);
    const usable = snapshot.executors.filter((executor) => this.#nodes.has(executor.node));
    this.#idle = new Set(usable.filter((executor) => executor.use === "idle"));
    this.#arriving = new Set(usable.filter((executor) => executor.use === "arriving"));
    for (const executor of usable) this.#executors.set(executor.id, executor);
    for (const session of snapshot.sessions) {
      const held = this.#heldByApplication.get(session.application) ?? 0;
      this.#heldByApplication.set(session.application, held + session.held);
    }
  }

  run(): Decision[] {
    const sessions = [...this.#snapshot.sessions].sort(byPriorityThenAge);
    for (const session of sessions) this.#serve(session, sessions);
    // There is no pool of idle executors: what nobody needs now gives its room back.
    for (const executor of this.#idle)
      this.#decisions.push({ kind: "release", executorId: executor.id });
    return this.#decisions;
  }

  #serve(session: SessionDemand, all: readonly SessionDemand[]): void {
    const suitable = [...this.#nodes.values()].filter((node) => node.suits(session));
    if (suitable.length === 0) return;
    let need = this.#need(session);
    while (need > 0 && this.#serveOne(session, suitable)) need--;
    for (let short = need; short > 0; short--) {
      if (!this.#makeRoom(session, suitable, all)) break;
    }
    if (need > 0) for (const node of suitable) node.claimed = true;
  }

  /** How many more executors the session should get. */
  #need(session: SessionDemand): number {
    const wanted = Math.min(
      session.maxInstances,
      Math.max(session.minInstances, session.openTasks),
    );
    const held = this.#heldByApplication.get(session.application) ?? 0;
    const applicationRoom = this.#snapshot.applicationMax(session.application) - held;
    return Math.max(0, Math.min(wanted - session.held, applicationRoom, session.bindAllowance));
  }

  /** Gives or plans one executor; false when there is no room for one. */
  #serveOne(session: SessionDemand, suitable: readonly NodeCapacity[]): boolean {
    const idle = this.#take(this.#idle, session);
    if (idle !== undefined) {
      this.#decisions.push({ kind: "bind", executorId: idle.id, sessionId: session.id });
      this.#countHeld(session);
      return true;
    }
    if (this.#take(this.#arriving, session) !== undefined) {
      this.#countHeld(session);
      return true;
    }
    const node = suitable.find(
      (one) =>
        !one.claimed &&
        one.executors < this.#snapshot.executorsPerNodeMax &&
        fits(session.resreq, one.free),
    );
    if (node === undefined) return false;
    node.take(session.resreq);
    this.#decisions.push({ kind: "create", node: node.node.name, sessionId: session.id });
    this.#countHeld(session);
    return true;
  }

  #take(pool: Set<ExecutorSupply>, session: SessionDemand): ExecutorSupply | undefined {
    for (const executor of pool) {
      if (!serves(executor, session) || this.#nodes.get(executor.node)?.claimed !== false) continue;
      pool.delete(executor);
      return executor;
    }
    return undefined;
  }

  #countHeld(session: SessionDemand): void {
    this.#heldByApplication.set(
      session.application,
      (this.#heldByApplication.get(session.application) ?? 0) + 1,
    );
  }

  /** Sees to it that one executor of the session will find room soon; false when nothing more can be taken back. */
  #makeRoom(
    session: SessionDemand,
    suitable: readonly NodeCapacity[],
    all: readonly SessionDemand[],
  ): boolean {
    for (const node of suitable) {
      if (node.claimed) continue;
      const victims = this.#victimsFor(session, node, all);
      if (victims === undefined) continue;
      for (const victim of victims) {
        this.#reclaimed.add(victim.id);
        node.willLeave(victim);
        this.#decisions.push({ kind: "reclaim", executorId: victim.id });
      }
      node.reserve(session.resreq);
      return true;
    }
    return false;
  }

  /** The waiting executors to take back so that the session fits on the node; undefined when it can not be made to fit. */
  #victimsFor(
    session: SessionDemand,
    node: NodeCapacity,
    all: readonly SessionDemand[],
  ): ExecutorSupply[] | undefined {
    let room = node.soonFree;
    let places = this.#snapshot.executorsPerNodeMax - node.executors + node.leaving;
    const gain = (executor: ExecutorSupply): void => {
      room = addResources(room, executor.resreq);
      places++;
    };
    const enough = (): boolean => places > 0 && fits(session.resreq, room);
    for (const pool of [this.#idle, this.#arriving]) {
      // Not taken by anyone before: they will be released, or become idle and then be released.
      for (const executor of pool) if (executor.node === node.node.name) gain(executor);
    }
    const victims: ExecutorSupply[] = [];
    for (let at = all.length - 1; at >= 0 && !enough(); at--) {
      const other = all[at];
      if (other === undefined || other.id === session.id) continue;
      let spare = other.held - other.minInstances - this.#reclaimedFrom(other);
      for (const id of other.waiting) {
        if (spare <= 0 || enough()) break;
        const executor = this.#executors.get(id);
        if (executor === undefined || executor.node !== node.node.name || this.#reclaimed.has(id))
          continue;
        victims.push(executor);
        gain(executor);
        spare--;
      }
    }
    return enough() ? victims : undefined;
  }

  #reclaimedFrom(session: SessionDemand): number {
    return session.waiting.filter((id) => this.#reclaimed.has(id)).length;
  }
}

function byPriorityThenAge(a: SessionDemand, b: SessionDemand): number {
  return b.priority - a.priority || a.creationTime - b.creationTime || (a.id < b.id ? -1 : 1);
}
