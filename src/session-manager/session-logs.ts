import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { nodeMarkFile, sessionLogFolder } from "../process/service-logs.ts";
import type { ReadLogsResponse } from "../protocol/generated/flame/admin/v1/admin.ts";
import { LogTail } from "./log-tail.ts";

export interface SessionLogsOptions {
  readonly flameHome: string;
  readonly sessionId: string;
  /** Only what was written while this task ran. */
  readonly taskId: string | undefined;
  /** The nodes that serve or served the session, and where each says that its logs lie. */
  readonly nodes: () => Promise<ReadonlyMap<string, string | undefined>>;
  /** Waits for more to come; false: there will be no more. Absent: what is there is read once. */
  readonly more?: () => Promise<boolean>;
}

type What = NonNullable<ReadLogsResponse["what"]>;

const logName = /^(?<executorId>.+)\.(?<stream>out|err)$/;

/**
 * What the services of a session wrote, executor by executor, from the files of nodes that share this FLAME_HOME
 * (docs/protocol.md, "Administration").
 */
export async function* sessionLogs(options: SessionLogsOptions): AsyncGenerator<What, void, void> {
  const folder = sessionLogFolder(options.flameHome, options.sessionId);
  const tails = new Map<string, LogTail>();
  const toldNodes = new Set<string>();
  try {
    let goesOn = true;
    while (goesOn) {
      goesOn = (await options.more?.()) ?? false;
      yield* foreignNodes(options, toldNodes);
      const names = await readdir(folder).catch(() => []);
      for (const name of names.sort()) {
        const { executorId = "", stream = "" } = logName.exec(name)?.groups ?? {};
        if (executorId === "") continue;
        const tail = tails.get(name) ?? new LogTail(join(folder, name));
        tails.set(name, tail);
        for await (const { taskId, data } of tail.read(!goesOn)) {
          if (options.taskId !== undefined && options.taskId !== taskId) continue;
          yield { $case: "piece", value: { executorId, stream, taskId, data } };
        }
      }
    }
    if (tails.size === 0 && toldNodes.size === 0)
      yield notice(nothingText(options.sessionId, folder));
  } finally {
    for (const tail of tails.values()) await tail.close();
  }
}

async function* foreignNodes(
  { flameHome, sessionId, nodes }: SessionLogsOptions,
  told: Set<string>,
): AsyncGenerator<What, void, void> {
  for (const [node, folder] of await nodes()) {
    if (told.has(node)) continue;
    const shares = await access(nodeMarkFile(flameHome, node)).then(
      () => true,
      () => false,
    );
    if (shares) continue;
    told.add(node);
    const place = folder ?? "FLAME_HOME/logs/executors";
    yield notice(
      `node ${node} keeps the output of its services itself: look on that node, in ${join(place, sessionId)}`,
    );
  }
}

function nothingText(sessionId: string, folder: string): string {
  return `nothing that the services of session ${sessionId} wrote is kept in ${folder}: none has started yet, or its files were among the oldest and are gone`;
}

const notice = (text: string): What => ({ $case: "notice", value: text });
