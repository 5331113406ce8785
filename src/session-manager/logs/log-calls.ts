import type { ServerWritableStream } from "@grpc/grpc-js";
import type { Clock } from "../../kit/clock.ts";
import { FlameError } from "../../model/errors.ts";
import { isTerminal, parseTaskId } from "../../model/task.ts";
import type {
  AdminServer,
  ReadLogsRequest,
  ReadLogsResponse,
} from "../../protocol/generated/flame/admin/v1/admin.ts";
import { callerOf } from "../../security/authentication.ts";
import type { NodeNotes } from "../backend/node-notes.ts";
import { drained, failStream } from "../calls/call-helpers.ts";
import type { Engine } from "../engine/engine.ts";
import type { NodeLogs } from "./node-logs.ts";
import { type LogNode, sessionLogs } from "./session-logs.ts";

export interface LogDeps {
  readonly engine: Engine;
  readonly notes: NodeNotes;
  readonly logs: NodeLogs;
  readonly clock: Clock;
  readonly flameHome: string;
}

type LogCall = ServerWritableStream<ReadLogsRequest, ReadLogsResponse>;

/** How often a follower looks for more, in milliseconds. */
const lookEveryMs = 200;

/** ReadLogs: docs/protocol.md, "Administration". */
export function readLogs(deps: LogDeps): AdminServer["readLogs"] {
  return (call) => {
    void stream(deps, call).catch((thrown: unknown) => {
      failStream(call, thrown);
    });
  };
}

async function stream(deps: LogDeps, call: LogCall): Promise<void> {
  const { sessionId, taskId, follow } = call.request;
  const door = deps.engine.of(undefined, callerOf(call));
  await door.ask("session.get", { id: sessionId });
  const task = taskId === undefined ? undefined : { sessionId, taskId: parseTaskId(taskId) };
  if (task !== undefined) await door.ask("task.get", task);
  const over = (): Promise<boolean> =>
    task === undefined ? sessionOver(deps.engine, sessionId) : taskOver(deps.engine, task);
  const logs = sessionLogs({
    flameHome: deps.flameHome,
    sessionId,
    taskId,
    nodes: () => nodesOf(deps, sessionId),
    logs: deps.logs,
    ...(follow ? { more: more(deps.clock, call, over) } : {}),
  });
  for await (const what of logs) {
    if (call.cancelled) return;
    if (!call.write({ what })) await drained(call);
  }
  call.end();
}

/** Tells, a moment later than the last time, whether more is to be expected. */
function more(clock: Clock, call: LogCall, over: () => Promise<boolean>): () => Promise<boolean> {
  let first = true;
  return async () => {
    if (!first) await pause(clock, call);
    first = false;
    return !call.cancelled && !(await over());
  };
}

async function sessionOver(engine: Engine, id: string): Promise<boolean> {
  try {
    const { record } = await engine.ask("session.get", { id });
    if (record.state === "Open") return false;
  } catch (thrown) {
    if (!isGone(thrown)) throw thrown;
  }
  // Its services may still be saying goodbye.
  const executors = await engine.ask("executor.list", {});
  return !executors.some(({ sessionId }) => sessionId === id);
}

async function taskOver(
  engine: Engine,
  task: { readonly sessionId: string; readonly taskId: number },
): Promise<boolean> {
  try {
    const found = await engine.ask("task.get", task);
    return "stored" in found || isTerminal(found.task.state);
  } catch (thrown) {
    if (isGone(thrown)) return true;
    throw thrown;
  }
}

async function nodesOf(
  { engine, notes }: LogDeps,
  id: string,
): Promise<ReadonlyMap<string, LogNode>> {
  const [executors, nodes] = await Promise.all([
    engine.ask("executor.list", {}),
    engine.ask("node.list", {}),
  ]);
  const ready = new Set(nodes.filter(({ state }) => state === "Ready").map(({ name }) => name));
  const present = executors.filter(({ sessionId }) => sessionId === id).map(({ node }) => node);
  return new Map(
    [...notes.nodesOf(id), ...present].map((node) => [
      node,
      { folder: notes.logsOf(node), away: !ready.has(node) || notes.tellsPrints(node) },
    ]),
  );
}

const isGone = (thrown: unknown): boolean => FlameError.from(thrown).code === "not_found";

function pause(clock: Clock, call: LogCall): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      call.off("cancelled", done);
      resolve();
    };
    const timer = clock.after(lookEveryMs, done);
    call.on("cancelled", done);
  });
}
