import type { Caller } from "../model/caller.ts";
import { FlameError } from "../model/errors.ts";
import { eventCodes } from "../model/event.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { cancelledBy, cancelPending } from "../sessions/task-life.ts";
import type { CancelRequest } from "./cancel-request.ts";
import { endRunning } from "./ended-tasks.ts";
import type { Handlers } from "./handler.ts";
import { withdraw, withdrawAll } from "./local-queues.ts";
import { closeSession } from "./session-closing.ts";
import type { CoreState } from "./state.ts";

interface Tally {
  cancelled: number;
  ended: number;
  over: number;
  readonly busyNodes: Set<string>;
}

/** docs/protocol.md, "Cancelling". */
export const cancelHandlers: Handlers<"session.cancel"> = {
  "session.cancel": (state, turn, request) => {
    const entry = state.sessions.get(request.sessionId);
    const { taskIds, close } = request;
    for (const id of taskIds ?? []) checkTask(entry, id);
    const tally: Tally = { cancelled: 0, ended: 0, over: 0, busyNodes: new Set() };
    if (taskIds === undefined) cancelAll(state, turn, entry, request, tally);
    else for (const id of new Set(taskIds)) cancelOne(state, turn, entry, id, request, tally);
    const { running } = entry.counts;
    if (close && running === 0) closeSession(state, turn, entry);
    const { cancelled, ended, over } = tally;
    const closed = entry.record.state === "Closed";
    return { cancelled, ended, over, running, closed, busyNodes: [...tally.busyNodes].sort() };
  },
};

function cancelAll(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  { pendingOnly, caller }: CancelRequest,
  tally: Tally,
): void {
  withdrawAll(state, turn, entry);
  tally.cancelled = state.sessions.cancelPending(turn, entry);
  // Only Running ones are left.
  if (!pendingOnly)
    for (const id of [...entry.tasks.keys()]) endOne(state, turn, entry, id, caller, tally);
  const { cancelled, ended } = tally;
  if (cancelled + ended === 0) return;
  const message = `${cancelled} pending and ${ended} running tasks were ${cancelledBy(caller)}`;
  state.sessions.addEvent(turn, entry, eventCodes.cancelled, message);
}

function cancelOne(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  id: number,
  { pendingOnly, caller }: CancelRequest,
  tally: Tally,
): void {
  const task = entry.tasks.get(id);
  if (task === undefined) tally.over++;
  else if (task.state === "Pending") {
    withdraw(state, turn, entry, id);
    cancelPending(turn, entry, task, caller);
    tally.cancelled++;
  } else if (!pendingOnly) endOne(state, turn, entry, id, caller, tally);
}

function endOne(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  id: number,
  caller: Caller,
  tally: Tally,
): void {
  const task = entry.tasks.get(id);
  if (task === undefined) return;
  const busy = endRunning(state, turn, entry, task, {
    code: eventCodes.cancelled,
    detail: cancelledBy(caller),
    message: `cancelled by ${caller.name}`,
  });
  tally.ended++;
  if (busy !== undefined) tally.busyNodes.add(busy);
}

/** @throws FlameError not_found before anything is changed. */
function checkTask({ record, lastTaskId }: SessionEntry, id: number): void {
  if (id >= 1 && id <= lastTaskId) return;
  throw new FlameError(
    "not_found",
    `task ${id} of session ${record.id} not found: nothing was cancelled; the session has ${lastTaskId} tasks, counted from 1`,
  );
}
