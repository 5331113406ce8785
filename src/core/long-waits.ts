import { eventCodes } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { fits, formatResources, type Resources, sameResources } from "../model/resources.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import type { CoreState } from "./state.ts";

/** So long a session with Pending tasks may be without any executor before an event says why, in milliseconds. */
export const longWaitMs = 10_000;

/** Names in one event at most. */
const namesMax = 3;

/** Begins to count for sessions that have tasks and no executor, and ends it for those that have one now. */
export function noteWaits(state: CoreState, turn: FlameTurn): void {
  for (const entry of state.sessions.open()) {
    const waits = isWaiting(entry);
    if (waits === entry.counted) continue;
    entry.counted = waits;
    const key = `wait ${entry.record.id}` as const;
    if (waits) state.deadlines.set(key, turn.steady + longWaitMs);
    else state.deadlines.clear(key);
  }
}

/** The session still has no executor: an event says why, once until it has had one (docs/protocol.md, "Events"). */
export function tellLongWait(state: CoreState, turn: FlameTurn, entry: SessionEntry): void {
  if (entry.record.state !== "Open" || !isWaiting(entry)) return;
  const reason = reasonOf(state, entry);
  if (reason === undefined) return;
  const message = `no executor for ${longWaitMs / 1000} s, the tasks wait: ${reason}`;
  // After a restart the same is found again.
  if (entry.record.events.at(-1)?.message === message) return;
  state.sessions.addEvent(turn, entry, eventCodes.noExecutorForLong, message);
}

/** What fails to bind has events of its own. */
function isWaiting({ counts, executors, bind }: SessionEntry): boolean {
  return counts.pending > 0 && executors.size === 0 && bind.failures === 0;
}

function reasonOf(state: CoreState, { record }: SessionEntry): string | undefined {
  const application = state.applicationOf(record);
  const ready = [...state.nodes.all()].filter((node) => node.record.state === "Ready");
  if (application === undefined) return undefined;
  if (record.maxInstances === 0) return "its max_instances is 0";
  if (ready.length === 0) return "no node is Ready";
  const { max_instances: most, shim } = application.spec;
  const shimmed = ready.filter(
    (node) => node.record.shim === undefined || node.record.shim === shim,
  );
  // Event 1003 says that.
  if (shimmed.length === 0) return undefined;
  if (!shimmed.some((node) => fits(record.resreq, node.record.allocatable))) {
    const have = some(
      shimmed.map((node) => `${node.record.name} has ${formatResources(node.record.allocatable)}`),
    );
    return `it asks for ${formatResources(record.resreq)} for each executor, which no Ready node has: ${have}`;
  }
  const coming = [...state.executors.all()].find(
    ({ record: made }) => made.state === "Void" && sameResources(made.resreq, record.resreq),
  );
  if (coming !== undefined)
    return `node ${coming.record.node} was told to start an executor and has not registered it yet`;
  const holders = holdersOf(state);
  const own = holders.filter(({ entry }) => entry.record.application === record.application);
  const instances = own.reduce((sum, { entry }) => sum + entry.executors.size, 0);
  if (instances >= most)
    return `application ${application.name} has all ${most} of its max_instances: ${holdersText(own)}`;
  const taken = holdersText(holders);
  return `${formatResources(record.resreq)} for an executor is not free on any Ready node: ${taken === "" ? "executors leave" : taken}`;
}

interface Holder {
  readonly entry: SessionEntry;
  readonly resreq: Resources;
}

/** Sessions with executors, those with most first. */
function holdersOf(state: CoreState): Holder[] {
  return [...state.sessions.all()]
    .filter((entry) => entry.executors.size > 0)
    .sort((a, b) => b.executors.size - a.executors.size)
    .map((entry) => ({ entry, resreq: entry.record.resreq }));
}

function holdersText(holders: readonly Holder[]): string {
  const texts = holders.map(({ entry: { record, executors }, resreq }) => {
    const warm = record.minInstances > 0 ? `, min_instances ${record.minInstances}` : "";
    const many = executors.size === 1 ? "1 executor" : `${executors.size} executors`;
    return `session ${record.id} has ${many} of ${formatResources(resreq)} (priority ${record.priority}${warm})`;
  });
  return some(texts);
}

function some(texts: readonly string[]): string {
  const more = texts.length - namesMax;
  return `${texts.slice(0, namesMax).join("; ")}${more > 0 ? `; and ${more} more` : ""}`;
}
