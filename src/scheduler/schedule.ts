import { addResources, fits } from "../model/resources.ts";
import { measureCapacity, type NodeCapacity, serves } from "./capacity.ts";
import type { Decision, ExecutorSupply, Schedule, SessionDemand, Snapshot } from "./ports.ts";

/**
 * Who gets which executor: policy `priority` (docs/protocol.md, "Scheduling"). Sessions are served highest priority
 * first, older first, each up to min(demand, max_instances); fit is always checked; a session that is still short keeps
 * later ones off the nodes it could use, and takes back executors that only wait. Pure: the same snapshot, the same answer.
 */
export function schedule(snapshot: Snapshot): Schedule {
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
  readonly #unserved = new Set<string>();
  readonly #short = new Set<string>();
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

  run(): Schedule {
    const sessions = [...this.#snapshot.sessions].sort(byPriorityThenAge);
    for (const session of sessions) this.#serve(session, sessions);
    // There is no pool of idle executors: what nobody needs now gives its room back.
    for (const executor of this.#idle)
      this.#decisions.push({ kind: "release", executorId: executor.id });
    return { decisions: this.#decisions, unserved: this.#unserved, short: this.#short };
  }

  #serve(session: SessionDemand, all: readonly SessionDemand[]): void {
    const suitable = [...this.#nodes.values()].filter((node) => node.suits(session));
    if (suitable.length === 0) return;
    let need = this.#need(session);
    while (need > 0 && this.#serveOne(session, suitable)) need--;
    if (need > 0) this.#unserved.add(session.id);
    while (need > 0 && this.#makeRoom(session, suitable, all)) need--;
    if (need === 0) return;
    this.#short.add(session.id);
    for (const node of suitable) node.claimed = true;
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
    const places = this.#snapshot.executorsPerNodeMax;
    const node = suitable.find((one) => !one.claimed && one.hasRoom(session.resreq, places));
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
    // Where it is enough to wait, no service has to be stopped.
    for (const victims of [[], all]) {
      for (const node of suitable) {
        const leavers = node.claimed ? undefined : this.#leaversFor(session, node, victims);
        if (leavers === undefined) continue;
        for (const leaver of leavers) this.#sendAway(leaver, node);
        node.reserve(session.resreq);
        this.#countHeld(session);
        return true;
      }
    }
    return false;
  }

  /** What has to leave the node so that the session fits there; undefined when it can not be made to fit. */
  #leaversFor(
    session: SessionDemand,
    node: NodeCapacity,
    victims: readonly SessionDemand[],
  ): ExecutorSupply[] | undefined {
    let room = node.soonFree;
    let places = this.#snapshot.executorsPerNodeMax - node.executors + node.leaving;
    const leavers: ExecutorSupply[] = [];
    for (const executor of this.#mayLeave(session, node, victims)) {
      if (places > 0 && fits(session.resreq, room)) break;
      leavers.push(executor);
      room = addResources(room, executor.resreq);
      places++;
    }
    return places > 0 && fits(session.resreq, room) ? leavers : undefined;
  }

  /** The node's executors that can be sent away: first what nobody took before, then what only waits for a victim. */
  *#mayLeave(
    session: SessionDemand,
    { node }: NodeCapacity,
    victims: readonly SessionDemand[],
  ): Generator<ExecutorSupply> {
    for (const pool of [this.#idle, this.#arriving])
      for (const executor of pool) if (executor.node === node.name) yield executor;
    for (let at = victims.length - 1; at >= 0; at--) {
      const other = victims[at];
      if (other === undefined || other.id === session.id) continue;
      let spare = other.held - other.minInstances - this.#reclaimedFrom(other);
      for (const id of other.waiting) {
        const executor = this.#executors.get(id);
        if (spare <= 0) break;
        if (executor?.node !== node.name || this.#reclaimed.has(id)) continue;
        spare--;
        yield executor;
      }
    }
  }

  #sendAway(executor: ExecutorSupply, node: NodeCapacity): void {
    node.willLeave(executor);
    if (this.#idle.delete(executor)) {
      this.#decisions.push({ kind: "release", executorId: executor.id });
    } else if (!this.#arriving.delete(executor)) {
      this.#reclaimed.add(executor.id);
      this.#decisions.push({ kind: "reclaim", executorId: executor.id });
    }
  }

  #reclaimedFrom(session: SessionDemand): number {
    return session.waiting.filter((id) => this.#reclaimed.has(id)).length;
  }
}

function byPriorityThenAge(a: SessionDemand, b: SessionDemand): number {
  return b.priority - a.priority || a.creationTime - b.creationTime || (a.id < b.id ? -1 : 1);
}
