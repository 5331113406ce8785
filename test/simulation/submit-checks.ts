import type { Command } from "../../src/core/commands.ts";
import type { CoreState } from "../../src/core/state.ts";
import type { Token } from "../../src/kit/turn.ts";
import type { MemoryTables } from "../../src/storage/memory-tables.ts";
import type { StoredState } from "../../src/storage/store.ts";
import type { Ledger } from "./ledger.ts";
import type { Callers } from "./state-checks.ts";
import { rangeText } from "./submit-ledger.ts";
import type { Submitter } from "./submitter.ts";
import { Violation } from "./world.ts";

/** What a start reads of submits is what was committed, and what the machine makes of it finds each of their tasks. */
export function checkSubmits(state: CoreState, stored: StoredState, ledger: Ledger): void {
  const open = [...ledger.sessions.values()].filter(({ record }) => record.state === "Open");
  const committed = open.flatMap(({ record }) => ledger.submits.lines(record.id)).sort();
  const read = stored.submits.map(rangeText).sort();
  if (read.join("\n") !== committed.join("\n"))
    throw new Violation(`on disk: ${read.join("; ")}\ncommitted: ${committed.join("; ")}`);
  for (const { sessionId, producer, first, count, firstTask } of stored.submits) {
    const book = state.sessions.get(sessionId).submits;
    for (const number of [first, first + count - 1]) {
      const range = book.rangeOf(producer, number);
      const task =
        range === undefined || range.firstTask === 0 ? 0 : range.firstTask + number - range.first;
      if (task !== (firstTask === 0 ? 0 : firstTask + number - first))
        throw new Violation(
          `submit ${number} of ${producer} to ${sessionId} is task ${task} in memory`,
        );
    }
    if (book.highest(producer) < first + count - 1)
      throw new Violation(`${producer} has used ${book.highest(producer)} numbers of ${sessionId}`);
  }
}

/**
 * Of the lanes that are open for a producer in a session, the last one hears how the tasks end: whatever becomes of those
 * before it. A lane of a session that was deleted is none of the one that bears its id now.
 */
export function checkListeners(state: CoreState, { waiters, queue, leaving }: Callers): void {
  const over = new Set<Token>(queue.map(({ token }) => token));
  for (const effect of leaving) if (effect.kind !== "push") over.add(effect.to);
  const newest = new Map<string, Extract<Command, { kind: "submit.open" }>>();
  for (const [token, waiter] of waiters) {
    const { command } = waiter;
    if (command.kind !== "submit.open" || over.has(token)) continue;
    const { sessionId, producer } = command.input;
    const session = state.sessions.find(sessionId);
    if (session !== undefined) waiter.session ??= session;
    if (waiter.session === session) newest.set(`${sessionId} ${producer}`, command);
  }
  for (const { token, input } of newest.values()) {
    const { sessionId, producer } = input;
    const entry = state.sessions.find(sessionId);
    if (entry?.record.state !== "Open" || !entry.hasSubmits) continue;
    const task = entry.submits.taskOf(producer, entry.submits.highest(producer));
    if (task === undefined) continue;
    const heardBy = entry.submits.listenerOf(task)?.stream;
    if (heardBy !== token)
      throw new Violation(
        `lane #${token} of ${producer} in ${sessionId} is open, #${heardBy ?? "none"} hears how its tasks end`,
      );
  }
}

/** At rest: every answer that a client was given holds, and closed sessions have their ranges on disk as well. */
export function checkAnswers(
  clients: readonly { readonly submitters: readonly Submitter[] }[],
  { submits, sessions }: Ledger,
  tables: MemoryTables,
): void {
  for (const submitter of clients.flatMap(({ submitters }) => submitters)) {
    const { sessionId, name } = submitter;
    if (submitter.gone || !sessions.has(sessionId)) continue;
    for (const [number, task] of submitter.answers())
      if ((submits.taskOf(sessionId, name, number) ?? 0) !== task)
        throw new Violation(
          `submit ${number} of ${name} to ${sessionId} was answered with task ${task}, disk says otherwise`,
        );
  }
  for (const id of sessions.keys()) {
    const read = submits.producers(id).flatMap((producer) => tables.submits(id, producer));
    if (read.map(rangeText).sort().join("\n") !== submits.lines(id).join("\n"))
      throw new Violation(`submits of ${id} on disk: ${read.map(rangeText).join("; ")}`);
  }
}
