import type { CoreState } from "../../core/state.ts";
import type { LogPlaces } from "./live-logs.ts";

/** Where sessions are served, as the machine sees it. */
export function logPlaces(machine: {
  readonly state: Pick<CoreState, "executors" | "nodes" | "sessions">;
}): LogPlaces {
  return {
    nodesOf: (sessionId) => {
      const { executors, sessions } = machine.state;
      const session = sessions.find(sessionId);
      if (session?.hasExecutors !== true) return [];
      return new Set([...session.executors].flatMap((id) => executors.find(id)?.record.node ?? []));
    },
    sessionsOn: (node) =>
      [...machine.state.executors.ofNode(node)].flatMap(({ record }) => record.sessionId ?? []),
    isReady: (node) => machine.state.nodes.find(node)?.record.state === "Ready",
  };
}
