import type { CoreState } from "../../core/state.ts";
import type { LogPlaces } from "./live-logs.ts";

/** Where sessions are served, as the machine sees it. */
export function logPlaces(machine: {
  readonly state: Pick<CoreState, "executors" | "nodes">;
}): LogPlaces {
  return {
    nodesOf: (sessionId) => {
      const serving = [...machine.state.executors.all()].filter(
        ({ record }) => record.sessionId === sessionId,
      );
      return new Set(serving.map(({ record }) => record.node));
    },
    sessionsOn: (node) =>
      [...machine.state.executors.ofNode(node)].flatMap(({ record }) => record.sessionId ?? []),
    isReady: (node) => machine.state.nodes.find(node)?.record.state === "Ready",
  };
}
