import { FlameError } from "../../model/errors.ts";
import { parseTaskId } from "../../model/task.ts";
import type {
  CancelResponse,
  SessionsServer,
} from "../../protocol/generated/flame/sessions/v1/sessions.ts";
import { callerOf } from "../../security/authentication.ts";
import { doorOf, unary } from "../calls/call-helpers.ts";
import type { Engine } from "../engine/engine.ts";

/** Tasks that one call may name; all of a session are cancelled without naming any. */
const taskIdsMax = 10_000;

/** `flame.sessions.v1.Sessions`: what clients ask of their sessions beyond the published calls. */
export function sessionsService({ engine }: { readonly engine: Engine }): SessionsServer {
  return {
    cancel: unary(async ({ sessionId, taskIds, pendingOnly, close }, call) => {
      const ids = checkedIds(taskIds);
      const done = await doorOf(engine, call).ask("session.cancel", {
        sessionId,
        ...(ids.length > 0 && { taskIds: ids }),
        pendingOnly,
        close,
        caller: callerOf(call),
      });
      return {
        cancelled: BigInt(done.cancelled),
        ended: BigInt(done.ended),
        over: BigInt(done.over),
        running: BigInt(done.running),
        closed: done.closed,
        busyNodes: [...done.busyNodes],
      } satisfies CancelResponse;
    }),
  };
}

/** @throws FlameError invalid_argument */
function checkedIds(texts: readonly string[]): number[] {
  if (texts.length <= taskIdsMax) return texts.map(parseTaskId);
  throw new FlameError(
    "invalid_argument",
    `a cancel may name at most ${taskIdsMax} tasks, got ${texts.length}; name none to cancel all of the session, or call more than once`,
  );
}
