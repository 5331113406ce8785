import type { ExecutorEntry } from "../executors/executor-book.ts";
import type { NodeEntry } from "../executors/node-book.ts";
import type { Shim } from "../model/executor.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { becomeBound, bindReply } from "./executor-commands.ts";
import { leaseNext } from "./local-queues.ts";
import type { CoreState } from "./state.ts";

// A new executor goes to its node in one message together with its session and a first task, where the node takes that
// (docs/protocol.md, "Streams of nodes"). It begins as Binding: nothing is to be registered, and nobody asks for a session.

/** Whether new executors go to the node that way. Before one of them has registered it is not known what the node offers. */
export function takesBinds({ work, takesBinds: takes, record }: NodeEntry): boolean {
  return work !== undefined && takes && record.shim !== undefined;
}

/** Makes an executor for the session; the first task that waits is to run there as soon as its service has entered. */
export function createGiven(
  state: CoreState,
  turn: FlameTurn,
  node: NodeEntry,
  entry: SessionEntry,
  shim: Shim,
): void {
  const { id: sessionId, resreq } = entry.record;
  const executor = state.executors.create(turn, {
    id: state.options.newExecutorId(),
    node: node.record.name,
    resreq,
    shim,
    state: "Binding",
    sessionId,
  });
  entry.executors.add(executor.record.id);
  give(state, turn, node, executor);
  // On this stream it holds what it is handed, and nothing else: its first word may have left before that arrived.
  executor.introduced = node.work;
  const first = leaseNext(state, entry, executor);
  // Not early: the disk has to know of the executor before it holds something.
  if (first !== undefined && node.work !== undefined) turn.push(node.work, first);
}

/** A new stream: what was given on an earlier one may not have arrived. The node passes over those that it knows. */
export function giveAgain(state: CoreState, turn: FlameTurn, node: NodeEntry): void {
  for (const executor of state.executors.ofNode(node.record.name))
    if (executor.given && takesBinds(node)) give(state, turn, node, executor);
}

function give(state: CoreState, turn: FlameTurn, node: NodeEntry, executor: ExecutorEntry): void {
  const { record } = executor;
  if (node.work !== undefined)
    turn.push(node.work, { kind: "bind", executor: record, reply: bindReply(state, executor) });
}

/** The service of the executor has entered the session. What is said of one that it has left already comes too late. */
export function entered(
  state: CoreState,
  turn: FlameTurn,
  executor: ExecutorEntry,
  sessionId: string,
): void {
  const { given, record, introduced } = executor;
  if (!given || record.sessionId !== sessionId) return;
  becomeBound(state, turn, executor);
  // What it holds for this session was said.
  executor.introduced = introduced;
}
