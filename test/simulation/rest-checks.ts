import type { CoreState } from "../../src/core/state.ts";
import { eventCodes } from "../../src/model/event.ts";
import { isTerminal } from "../../src/model/task.ts";
import type { SessionEntry } from "../../src/sessions/session-entry.ts";
import type { Ledger } from "./ledger.ts";
import { Violation } from "./world.ts";

function expect(holds: boolean, text: string): void {
  if (!holds) throw new Violation(`at rest: ${text}`);
}

/** What holds once everything has ended and every delay_release has passed. */
export function checkRest(
  state: CoreState,
  ledger: Ledger,
  canEnd: (sessionId: string) => boolean,
  executorsOnNodes: readonly string[],
): void {
  for (const { record } of state.nodes.all())
    expect(record.state === "Ready", `node ${record.name} is ${record.state}`);
  for (const { record } of state.executors.all())
    expect(record.state === "Bound", `executor ${JSON.stringify(record)} is not released`);
  for (const entry of state.sessions.all()) checkSession(state, entry);
  for (const { record, tasks } of ledger.sessions.values()) {
    for (const task of tasks.values())
      expect(
        isTerminal(task.state) ||
          (record.state === "Open" && !canEnd(record.id) && task.deadline === undefined),
        `task ${record.id}/${task.id} is ${task.state}`,
      );
  }
  const known = [...state.executors.all()].map(({ record }) => record.id).sort();
  const running = [...executorsOnNodes].sort();
  expect(
    known.join() === running.join(),
    `the nodes run [${running.join()}], the manager knows [${known.join()}]`,
  );
}

function checkSession(state: CoreState, { record, counts, executors }: SessionEntry): void {
  const name = `session ${record.id} (${record.state})`;
  const warm = record.state === "Open" ? record.minInstances : 0;
  expect(executors.size === warm, `${name} has ${executors.size} executors and wants ${warm}`);
  const said = record.events.filter(({ code }) => code === eventCodes.noNodeOffersShim).length;
  const never = [...state.nodes.all()].every((node) => node.record.shim === "Host");
  const waits = record.application === "wasm" && counts.pending > 0;
  const least = waits && never ? 1 : 0;
  const most = record.application === "wasm" ? 1 : 0;
  expect(said >= least && said <= most, `${name} has ${said} events of a missing shim`);
}
