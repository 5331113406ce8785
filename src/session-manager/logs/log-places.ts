import { seesSession } from "../../core/access-rules.ts";
import type { CoreState } from "../../core/state.ts";
import type { NodeNotes } from "../backend/node-notes.ts";
import type { FindSession } from "./follow-stream.ts";
import type { LogPlaces } from "./live-logs.ts";

interface Machine {
  readonly state: Pick<CoreState, "executors" | "nodes" | "sessions">;
}

/** Where sessions are served, as the machine sees it. */
export function logPlaces(machine: Machine, notes: Pick<NodeNotes, "tellsPrints">): LogPlaces {
  return {
    nodesOf: (sessionId) => {
      const { executors, sessions } = machine.state;
      const session = sessions.find(sessionId);
      if (session?.hasExecutors !== true) return [];
      return new Set([...session.executors].flatMap((id) => executors.find(id)?.record.node ?? []));
    },
    sessionsOn: (node) =>
      [...machine.state.executors.ofNode(node)].flatMap(({ record }) => record.sessionId ?? []),
    tellsPrints: (node) => notes.tellsPrints(node),
    isReady: (node) => machine.state.nodes.find(node)?.record.state === "Ready",
  };
}

/** Whose prints a caller may follow. */
export function findSession(
  state: () => Pick<CoreState, "applications" | "sessions">,
): FindSession {
  return (id, caller) => {
    const entry = state().sessions.find(id);
    if (entry === undefined) return "gone";
    return seesSession(state(), caller, entry) ? "shown" : "hidden";
  };
}
