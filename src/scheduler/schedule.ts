import { addResources, fits, resourcesKey } from "../model/resources.ts";
import { defaultPolicies, type PolicyName } from "../model/scheduling-policy.ts";
import { measureCapacity, type NodeCapacity, serves } from "./capacity.ts";
import { type Places, placesOf } from "./places.ts";
import { combine, type Rules } from "./policies.ts";
import type {
  Decision,
  ExecutorSupply,
  Recall,
  Schedule,
  SessionDemand,
  Snapshot,
} from "./ports.ts";
import { type Standing, standings } from "./standing.ts";
import { SuitableNodes } from "./suitable-nodes.ts";

/**
 * Who gets which executor (docs/protocol.md, "Scheduling"). One executor after the other goes to the session that the
 * policies name first, as long as it has less than min(demand, max_instances); fit is always checked. A session that is
 * short has executors taken back that only wait, and, where the policies say so, such as work, each after its task; what
 * it cannot use yet is kept from others. Pure: the same snapshot, the same answer.
 */
export function schedule(
  snapshot: Snapshot,
  policies: readonly PolicyName[] = defaultPolicies,
): Schedule {
  if (!snapshot.sessions.some((session) => isShortOf(session, 0))) return onlyReleases(snapshot);
  return new Round(snapshot, combine(policies)).run();
}

/** Nobody needs anything, as in most turns: nodes are not looked at, however many there are. */
function onlyReleases({ executors, nodes }: Snapshot): Schedule {
  const idle = executors.filter(({ use }) => use === "idle");
  const names = idle.length === 0 ? undefined : new Set(nodes.map(({ name }) => name));
  return {
    decisions: idle
      .filter(({ node }) => names?.has(node))
      .map(({ id }) => ({ kind: "release", executorId: id })),
    recalls: [],
    unserved: new Set(),
    short: new Set(),
  };
}

/** An executor that could be sent away, and what has it now; nobody, when it is idle or arriving. */
interface Leaver {
  readonly executor: ExecutorSupply;
  readonly holder?: Standing;
}

/** Whose executors may be sent away: nobody's, those that only wait, or also those that work. */
type Reach = "free" | "waiting" | "busy";
const reaches: readonly Reach[] = ["free", "waiting", "busy"];

class Round {
  readonly #snapshot: Snapshot;
  readonly #rules: Rules;
  readonly #nodes: Map<string, NodeCapacity>;
  readonly #suitable: SuitableNodes;
  readonly #idle: Set<ExecutorSupply>;
  readonly #arriving: Set<ExecutorSupply>;
  readonly #executors = new Map<string, ExecutorSupply>();
  /** Last in order first: they give before others do. */
  readonly #holders: readonly Standing[];
  /** Those that need something, the next one last. */
  readonly #queue: Standing[];
  readonly #places: readonly Places[];
  readonly #sentAway = new Set<string>();
  readonly #unserved = new Set<string>();
  readonly #short = new Set<string>();
  /** Where one session is short, so are those after it that differ in nothing that counts: they need not try. */
  readonly #shortKinds = new Set<string>();
  readonly #decisions: Decision[] = [];
  readonly #recalls: Recall[] = [];

  constructor(snapshot: Snapshot, rules: Rules) {
    this.#snapshot = snapshot;
    this.#rules = rules;
    this.#nodes = measureCapacity(snapshot);
    this.#suitable = new SuitableNodes(this.#nodes);
    const usable = snapshot.executors.filter((executor) => this.#nodes.has(executor.node));
    this.#idle = new Set(usable.filter((executor) => executor.use === "idle"));
    this.#arriving = new Set(usable.filter((executor) => executor.use === "arriving"));
    for (const executor of usable) this.#executors.set(executor.id, executor);
    this.#places = placesOf(snapshot);
    const all = standings(snapshot).sort((a, b) => rules.order(b, a));
    this.#holders = all.filter(({ session }) => session.waiting.length + session.busy.length > 0);
    this.#queue = all.filter(needsMore);
  }

  run(): Schedule {
    for (let next = this.#queue.pop(); next !== undefined; next = this.#queue.pop())
      if (this.#serve(next) && needsMore(next)) this.#queueAgain(next);
    // There is no pool of idle executors: what nobody needs now gives its room back.
    for (const executor of this.#idle)
      this.#decisions.push({ kind: "release", executorId: executor.id });
    return {
      decisions: this.#decisions,
      recalls: this.#recalls,
      unserved: this.#unserved,
      short: this.#short,
    };
  }

  #queueAgain(standing: Standing): void {
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#queue[middle];
      if (other !== undefined && this.#rules.order(standing, other) < 0) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, standing);
  }

  /** Gives or promises one executor; false when the session can get no more. */
  #serve(standing: Standing): boolean {
    const { session } = standing;
    const suitable = this.#suitable.of(session);
    if (suitable.length === 0) return false;
    const full = this.#places.filter((places) => places.isFull(session));
    if (full.length > 0) {
      this.#unserved.add(session.id);
      if (!this.#claimPlace(standing, suitable, full)) {
        this.#short.add(session.id);
        return false;
      }
    } else if (!this.#findOne(standing, suitable)) return false;
    for (const places of this.#places) if (!full.includes(places)) places.take(session);
    standing.given++;
    return true;
  }

  /** Its application or owner has all that it may have: sees to it that an executor of another session makes place soon. */
  #claimPlace(
    standing: Standing,
    suitable: readonly NodeCapacity[],
    full: readonly Places[],
  ): boolean {
    const { session } = standing;
    const leaving = full.filter((places) => places.mayClaim(session));
    const lacking = full.filter((places) => !leaving.includes(places));
    if (lacking.length === 0) this.#take(this.#arriving, standing);
    else if (!this.#sendOneAway(standing, suitable, lacking)) return false;
    for (const places of leaving) places.claim(session);
    return true;
  }

  /** An executor of another session goes whose place all of these may give to this one. */
  #sendOneAway(
    standing: Standing,
    suitable: readonly NodeCapacity[],
    lacking: readonly Places[],
  ): boolean {
    const { session } = standing;
    for (const reach of ["waiting", "busy"] as const) {
      const after = (executor: ExecutorSupply): NodeCapacity | undefined =>
        this.#placeAfter(executor, standing, suitable);
      const [leaver] = this.#heldByOthers(
        standing,
        reach,
        (executor, holder) =>
          lacking.every((places) => places.areShared(holder.session, session)) &&
          after(executor) !== undefined,
      );
      if (leaver === undefined) continue;
      const place = after(leaver.executor);
      this.#sendAway(leaver);
      place?.reserve(session.resreq);
      return true;
    }
    return false;
  }

  /** Where the session gets its executor once this one is gone; undefined when that alone does not make room for it. */
  #placeAfter(
    executor: ExecutorSupply,
    standing: Standing,
    suitable: readonly NodeCapacity[],
  ): NodeCapacity | undefined {
    const { resreq } = standing.session;
    const open = suitable.filter((one) => one.opensTo(standing, this.#rules));
    const same = open.find(({ node }) => node.name === executor.node);
    if (same !== undefined && fits(resreq, addResources(same.soonFree, executor.resreq)))
      return same;
    return open.find((one) => one.hasRoom(resreq, this.#snapshot.executorsPerNodeMax));
  }

  /** Gives or promises one executor; a session for which neither can be done is short. */
  #findOne(standing: Standing, suitable: readonly NodeCapacity[]): boolean {
    const { id } = standing.session;
    const kind = kindOf(standing.session);
    const known = this.#shortKinds.has(kind);
    if (!known && this.#giveOne(standing)) return true;
    this.#unserved.add(id);
    if (!known && this.#makeRoom(standing, suitable)) return true;
    this.#short.add(id);
    this.#shortKinds.add(kind);
    // What one of a kind cannot have is kept for it already.
    if (!known) for (const node of suitable) node.claims.push(standing);
    return false;
  }

  /** False when there is no room for one. */
  #giveOne(standing: Standing): boolean {
    const { session } = standing;
    const idle = this.#take(this.#idle, standing);
    if (idle !== undefined) {
      this.#decisions.push({ kind: "bind", executorId: idle.id, sessionId: session.id });
      return true;
    }
    if (this.#take(this.#arriving, standing) !== undefined) return true;
    const places = this.#snapshot.executorsPerNodeMax;
    const node = this.#suitable.first(
      session,
      (one) => one.hasRoom(session.resreq, places) && one.opensTo(standing, this.#rules),
    );
    if (node === undefined) return false;
    node.take(session.resreq);
    this.#decisions.push({ kind: "create", node: node.node.name, sessionId: session.id });
    return true;
  }

  #take(pool: Set<ExecutorSupply>, standing: Standing): ExecutorSupply | undefined {
    for (const executor of pool) {
      if (!serves(executor, standing.session)) continue;
      if (this.#nodes.get(executor.node)?.opensTo(standing, this.#rules) !== true) continue;
      pool.delete(executor);
      return executor;
    }
    return undefined;
  }

  /** Sees to it that one executor of the session will find room soon; false when nothing more can be taken back. */
  #makeRoom(standing: Standing, suitable: readonly NodeCapacity[]): boolean {
    const open = suitable.filter((node) => node.opensTo(standing, this.#rules));
    // Where it is enough to wait no service has to be stopped, and none that works where one waits.
    for (const reach of reaches) {
      for (const node of open) {
        const leavers = this.#leaversFor(standing, node, reach);
        if (leavers === undefined) continue;
        for (const leaver of leavers) this.#sendAway(leaver);
        node.reserve(standing.session.resreq);
        return true;
      }
    }
    return false;
  }

  /** What has to leave the node so that the session fits there; undefined when it cannot be made to fit. */
  #leaversFor(standing: Standing, node: NodeCapacity, reach: Reach): Leaver[] | undefined {
    const { resreq } = standing.session;
    let room = node.soonFree;
    let places = this.#snapshot.executorsPerNodeMax - node.executors + node.leaving;
    const leavers: Leaver[] = [];
    for (const leaver of this.#mayLeave(standing, node, reach)) {
      if (places > 0 && fits(resreq, room)) break;
      leavers.push(leaver);
      room = addResources(room, leaver.executor.resreq);
      places++;
    }
    return places > 0 && fits(resreq, room) ? leavers : undefined;
  }

  /** The node's executors that can be sent away: first what nobody took before, then what only waits, then what works. */
  *#mayLeave(standing: Standing, { node }: NodeCapacity, reach: Reach): Generator<Leaver> {
    for (const pool of [this.#idle, this.#arriving])
      for (const executor of pool) if (executor.node === node.name) yield { executor };
    if (reach === "free") return;
    yield* this.#heldByOthers(standing, reach, (executor) => executor.node === node.name);
  }

  /** What other sessions can spare of what is wanted: first what only waits, then what works. */
  *#heldByOthers(
    standing: Standing,
    reach: "waiting" | "busy",
    isWanted: (executor: ExecutorSupply, holder: Standing) => boolean,
  ): Generator<Leaver> {
    const spare = new Map<Standing, number>();
    for (const kind of reach === "busy" ? (["waiting", "busy"] as const) : (["waiting"] as const)) {
      for (const holder of this.#holders) {
        if (holder === standing) continue;
        const { session } = holder;
        let taken = spare.get(holder) ?? 0;
        for (const id of session[kind]) {
          const executor = this.#executors.get(id);
          if (executor === undefined || this.#sentAway.has(id)) continue;
          if (!isWanted(executor, holder)) continue;
          // What was promised to it in this round does not work yet: it keeps one that does.
          const kept = kind === "busy" ? Math.max(1, session.minInstances) : session.minInstances;
          if (session.held - holder.away - taken <= kept) break;
          if (kind === "busy" && !this.#rules.mayTake(standing, holder, taken + 1)) break;
          spare.set(holder, ++taken);
          yield { executor, holder };
        }
      }
    }
  }

  #sendAway({ executor, holder }: Leaver): void {
    this.#nodes.get(executor.node)?.willLeave(executor);
    if (holder === undefined) {
      if (this.#idle.delete(executor))
        this.#decisions.push({ kind: "release", executorId: executor.id });
      else this.#arriving.delete(executor);
      return;
    }
    holder.away++;
    this.#sentAway.add(executor.id);
    const { id, waiting } = holder.session;
    if (waiting.includes(executor.id))
      this.#decisions.push({ kind: "reclaim", executorId: executor.id });
    else this.#recalls.push({ sessionId: id, node: executor.node });
  }
}

/** It should get one more executor, as far as it is asked alone. */
const needsMore = ({ session, given }: Standing): boolean => isShortOf(session, given);

/** The same for a session to which so many were given already. */
function isShortOf(session: SessionDemand, given: number): boolean {
  const { maxInstances, minInstances, openTasks, held, bindAllowance } = session;
  const wanted = Math.min(maxInstances, Math.max(minInstances, openTasks));
  return held + given < wanted && given < bindAllowance;
}

function kindOf({ priority, shim, needsThisMake, resreq }: SessionDemand): string {
  return `${priority} ${shim} ${needsThisMake} ${resourcesKey(resreq)}`;
}
