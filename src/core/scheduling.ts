import type { ExecutorEntry } from "../executors/executor-book.ts";
import { eventCodes } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type {
  Decision,
  ExecutorSupply,
  NodeSupply,
  SessionDemand,
  Snapshot,
} from "../scheduler/ports.ts";
import { schedule } from "../scheduler/schedule.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { bindAllowance } from "./bind-backoff.ts";
import { bindReply, dismiss } from "./executor-commands.ts";
import { answerBind, isReady } from "./executor-waits.ts";
import { createGiven, takesBinds } from "./given-sessions.ts";
import { noteWaits } from "./long-waits.ts";
import { needOfThisMake } from "./needed-make.ts";
import { Nesting } from "./nesting.ts";
import type { CoreState } from "./state.ts";

/** What one session gets, or what is sent away for it, may leave room for another: it looks again, so often. */
const roundsMax = 3;

/** Asks the scheduler what to do now, and does it. */
export function runScheduler(state: CoreState, turn: FlameTurn): void {
  for (let round = 0; round < roundsMax; round++) {
    // What the last round does, the next turn looks at.
    state.scheduleWanted.lower();
    const snapshot = takeSnapshot(state, turn.steady);
    noteMissingShims(state, turn, snapshot);
    state.schedule = schedule(snapshot, state.options.policies);
    state.recalls = [...state.schedule.recalls];
    const { decisions } = state.schedule;
    for (const decision of decisions) apply(state, turn, decision);
    if (decisions.length === 0) break;
  }
  noteWaits(state, turn);
}

function takeSnapshot(state: CoreState, steady: number): Snapshot {
  const nesting = new Nesting(state);
  const nodes: NodeSupply[] = [];
  for (const { record, version } of state.nodes.all()) {
    if (record.state !== "Ready") continue;
    nodes.push({
      name: record.name,
      allocatable: record.allocatable,
      ...(record.shim !== undefined && { shim: record.shim }),
      isOfThisMake: version !== undefined,
    });
  }
  const sessions: SessionDemand[] = [];
  for (const entry of state.sessions.open()) {
    const demand = demandOf(state, nesting, entry, steady);
    if (demand !== undefined) sessions.push(demand);
  }
  const executors: ExecutorSupply[] = [];
  const reclaimed: ExecutorSupply[] = [];
  const applications = new NotHeld();
  const owners = new NotHeld();
  for (const executor of state.executors.all()) {
    // What is on its way already is used before what was only now taken back, for somebody else.
    const justReclaimed = executor.reclaimed && executor.record.state === "Bound";
    (justReclaimed ? reclaimed : executors).push(supplyOf(state, nesting, executor));
    const entry = state.sessionOf(executor);
    if (entry === undefined || isHeld(state, executor)) continue;
    const leaves = useOf(state, executor) === "arriving" && isReady(state, executor);
    applications.add(entry.record.application, leaves);
    const owner = boundedOwnerOf(entry);
    if (owner !== undefined) owners.add(owner, leaves);
  }
  return {
    sessions,
    nodes,
    executors: [...executors, ...reclaimed],
    applicationMax: (name) =>
      (state.applications.find(name)?.spec.max_instances ?? 0) - applications.of(name),
    applicationLeaving: (name) => applications.leavingOf(name),
    ownerMax: (id) =>
      (state.sessions.owners.of(id)?.limits.maxExecutors?.max ?? Number.POSITIVE_INFINITY) -
      owners.of(id),
    ownerLeaving: (id) => owners.leavingOf(id),
    executorsPerNodeMax: state.options.executorsPerNodeMax,
  };
}

/** Executors of some sessions that do not serve them, and those of them that leave soon; by application or owner. */
class NotHeld {
  readonly #all = new Map<string, number>();
  readonly #leaving = new Map<string, number>();

  add(key: string, leaves: boolean): void {
    this.#all.set(key, this.of(key) + 1);
    if (leaves) this.#leaving.set(key, this.leavingOf(key) + 1);
  }

  of(key: string): number {
    return this.#all.get(key) ?? 0;
  }

  leavingOf(key: string): number {
    return this.#leaving.get(key) ?? 0;
  }
}

/** Who owns the session, where that has a quota of executors. */
function boundedOwnerOf({ owner, record }: SessionEntry): string | undefined {
  return owner?.limits.maxExecutors === undefined ? undefined : record.ownerId;
}

/** Serves its session, or will; others still count against max_instances until they have left it. */
function isHeld(state: CoreState, executor: ExecutorEntry): boolean {
  const { state: is } = executor.record;
  if (executor.reclaimed || (is !== "Binding" && is !== "Bound")) return false;
  if (state.sessionOf(executor)?.record.state !== "Open") return false;
  // On a node that may come back: it may end the task that it has, but gets no new one.
  return executor.taskId !== undefined || isReady(state, executor);
}

function demandOf(
  state: CoreState,
  nesting: Nesting,
  entry: SessionEntry,
  steady: number,
): SessionDemand | undefined {
  const { record, counts } = entry;
  const openTasks = counts.pending + counts.running;
  if (openTasks === 0 && record.minInstances === 0 && entry.executors.size === 0) return undefined;
  const application = state.applicationOf(record);
  if (application === undefined) return undefined;
  const owner = boundedOwnerOf(entry);
  let held = 0;
  let notHeld = 0;
  let binding = 0;
  let yielding = 0;
  const bound: string[] = [];
  for (const id of entry.executors) {
    const executor = state.executors.find(id);
    if (executor === undefined) continue;
    const serves = isHeld(state, executor);
    const yields = serves && nesting.yields(state, executor);
    if (serves) held++;
    else notHeld++;
    if (yields) yielding++;
    if (executor.record.state === "Binding") binding++;
    // What only waits for others takes no room that it could give.
    else if (serves && !yields) bound.push(id);
  }
  return {
    id: record.id,
    application: record.application,
    ...(owner !== undefined && { owner }),
    priority: nesting.priorityOf(record),
    depth: nesting.depthOf(record),
    creationTime: record.creationTime,
    resreq: record.resreq,
    shim: application.spec.shim,
    needsThisMake: needOfThisMake(state, record, application) !== undefined,
    minInstances: record.minInstances,
    maxInstances: (record.maxInstances ?? Number.POSITIVE_INFINITY) - notHeld,
    openTasks,
    held,
    yielding,
    bindAllowance: bindAllowance(state, entry, binding, steady),
    waiting: counts.pending > 0 ? [] : [...entry.launchWaiters.keys(), ...entry.idle],
    busy: counts.pending > 0 ? bound : [],
  };
}

function supplyOf(state: CoreState, nesting: Nesting, executor: ExecutorEntry): ExecutorSupply {
  const { id, node, resreq, shim } = executor.record;
  const yields = nesting.yields(state, executor);
  const isOfThisMake = state.nodes.find(node)?.version !== undefined;
  return { id, node, resreq, shim, isOfThisMake, use: useOf(state, executor), yields };
}

function useOf(state: CoreState, executor: ExecutorEntry): ExecutorSupply["use"] {
  switch (executor.record.state) {
    case "Void":
    case "Unbinding":
      return "arriving";
    case "Idle":
      return "idle";
    case "Releasing":
      return "leaving";
    case "Binding":
    case "Bound":
      // A closed session's executors are on their way out.
      return executor.reclaimed || state.sessionOf(executor)?.record.state !== "Open"
        ? "arriving"
        : "held";
  }
}

/** A session whose shim no Ready node offers waits: once, an event says so. */
function noteMissingShims(state: CoreState, turn: FlameTurn, snapshot: Snapshot): void {
  const offered = new Set(snapshot.nodes.map(({ shim }) => shim));
  if (offered.size === 0 || offered.has(undefined)) return;
  for (const session of snapshot.sessions) {
    if (session.openTasks === 0) continue;
    if (offered.has(session.shim)) continue;
    const entry = state.sessions.find(session.id);
    if (entry === undefined || state.sessions.hasEvent(entry, eventCodes.noNodeOffersShim))
      continue;
    state.sessions.addEvent(
      turn,
      entry,
      eventCodes.noNodeOffersShim,
      `no node offers the shim ${session.shim} of application ${session.application}: the tasks wait until one does`,
    );
  }
}

function apply(state: CoreState, turn: FlameTurn, decision: Decision): void {
  switch (decision.kind) {
    case "create":
      createExecutor(state, turn, decision.node, decision.sessionId);
      return;
    case "bind":
      bindExecutor(state, turn, decision.executorId, decision.sessionId);
      return;
    case "release": {
      const executor = state.executors.find(decision.executorId);
      if (executor === undefined) return;
      state.executors.transition(turn, executor, "Releasing");
      answerBind(turn, executor, {});
      return;
    }
    case "reclaim": {
      const executor = state.executors.find(decision.executorId);
      const entry = executor === undefined ? undefined : state.sessionOf(executor);
      if (executor === undefined || entry === undefined) return;
      state.executors.reclaim(executor);
      dismiss(state, turn, entry, executor);
      return;
    }
    default:
      decision satisfies never;
  }
}

function createExecutor(
  state: CoreState,
  turn: FlameTurn,
  nodeName: string,
  sessionId: string,
): void {
  const node = state.nodes.find(nodeName);
  const entry = state.sessions.find(sessionId);
  const application = entry === undefined ? undefined : state.applicationOf(entry.record);
  if (node === undefined || entry === undefined || application === undefined) return;
  const { shim } = application.spec;
  if (takesBinds(node)) {
    createGiven(state, turn, node, entry, shim);
    return;
  }
  const { record } = state.executors.create(turn, {
    id: state.options.newExecutorId(),
    node: nodeName,
    resreq: entry.record.resreq,
    shim,
    state: "Void",
  });
  state.nodes.push(turn, node, { executor: record, released: false });
}

function bindExecutor(
  state: CoreState,
  turn: FlameTurn,
  executorId: string,
  sessionId: string,
): void {
  const executor = state.executors.find(executorId);
  const entry = state.sessions.find(sessionId);
  if (executor === undefined || entry === undefined) return;
  state.executors.transition(turn, executor, "Binding", sessionId);
  entry.executors.add(executorId);
  answerBind(turn, executor, bindReply(state, executor));
}
