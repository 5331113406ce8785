import type { EventInfo, SessionInfo, Task } from "../../../client/index.ts";
import { formatResources } from "../../../model/resources.ts";
import { labelled, listed } from "../../output/details.ts";
import { paddedTable } from "../../output/table.ts";
import { preciseTimeOfDay, timeOfDay } from "../../output/times.ts";

/**
 * A session in the published layout of `view -s`.
 * @param revision of its application, as the registry tells it: a line of our own
 */
export function sessionDetails(session: SessionInfo, revision?: number): string {
  const { pending, running, succeed, failed, cancelled, forgotten } = session;
  const facts = paddedTable([
    ["Session:", session.id],
    ["Application:", session.application],
    ...(revision === undefined ? [] : [["Revision:", String(revision)]]),
    ["State:", session.state],
    ["Resources:", session.resreq === undefined ? "" : formatResources(session.resreq)],
    ...(session.packages === undefined
      ? []
      : [["Packages:", session.packages.join(", ")] as const]),
    ["Creation Time:", timeOfDay(session.creationTime)],
    ["Tasks:", `${pending} pending, ${running} running, ${succeed} succeed, ${failed} failed`],
    ...(forgotten === 0
      ? []
      : [
          [
            "Forgotten:",
            `${forgotten} finished tasks, of ${succeed + failed + cancelled}`,
          ] as const,
        ]),
  ]);
  return facts + eventLines(session.events);
}

/** A task in the published layout of `view -s ID -t TASK`. */
export function taskDetails(task: Task, session: SessionInfo): string {
  return [
    labelled("Task", task.id),
    labelled("Session", task.sessionId),
    labelled("Application", session.application),
    labelled("State", task.state),
    task.deadline === undefined ? "" : labelled("Deadline", task.deadline.toISOString()),
    eventLines(task.events),
  ].join("");
}

function eventLines(events: readonly EventInfo[]): string {
  const lines = events.map(
    (event) => `${preciseTimeOfDay(event.time)}: ${event.message} (${event.code})`,
  );
  return listed("Events", lines, "  ");
}
