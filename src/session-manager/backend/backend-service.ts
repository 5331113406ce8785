import { Metadata, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import type { BindReply } from "../../executors/executor-book.ts";
import type { Logger } from "../../kit/logger.ts";
import type { Identity } from "../../model/caller.ts";
import { FlameError } from "../../model/errors.ts";
import type { ReportedExecutor } from "../../model/node.ts";
import { leaseOf, type TaskOutcome, type TaskRecord } from "../../model/task.ts";
import { endsServicesKey } from "../../protocol/ends-services.ts";
import type {
  BackendServer,
  BindExecutorRequest,
  BindExecutorResponse,
  LaunchTaskRequest,
  LaunchTaskResponse,
} from "../../protocol/generated/flame/v1/backend.ts";
import type { Executor, Result, TaskResult } from "../../protocol/generated/flame/v1/types.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";
import {
  executorStateName,
  executorToWire,
  nodeReportFromWire,
  nodeToWire,
  shimFromWire,
  taskToWire,
} from "../../protocol/record-wire.ts";
import { versionKey } from "../../protocol/version-key.ts";
import { workStreamKey } from "../../protocol/work-stream-key.ts";
import { identityOf } from "../../security/authentication.ts";
import { requiredField, unary } from "../calls/call-helpers.ts";
import type { Engine } from "../engine/engine.ts";
import type { PayloadRead, Payloads } from "../engine/payloads.ts";
import type { NodeLogs } from "../logs/node-logs.ts";
import { boundToWire } from "./bound-session.ts";
import { nodeCallerOf } from "./node-caller.ts";
import { type NodeNotes, textOf } from "./node-notes.ts";
import type { NodeSpeakers } from "./node-speakers.ts";
import { nodeStream } from "./node-stream.ts";
import type { PublishedPrograms } from "./published-programs.ts";

/** Metadata by which a LaunchTask reply names its lease, and CompleteTask returns it (docs/protocol.md, "Leases"). */
export const leaseKey = "flame-lease";

export interface BackendDeps {
  readonly engine: Engine;
  readonly payloads: Payloads;
  readonly notes: NodeNotes;
  readonly speakers: NodeSpeakers;
  readonly publishedPrograms: PublishedPrograms;
  readonly logs: Pick<NodeLogs, "live">;
  readonly logger: Logger;
  /** Unix milliseconds, for acknowledgements. */
  readonly now: () => number;
}

const done: Result = { returnCode: 0, message: undefined };

/** `flame.v1.Backend`: what executor managers call. Failures are gRPC statuses, never return codes. */
export function backendService(deps: BackendDeps): BackendServer {
  return { ...nodeCalls(deps), ...executorCalls(deps) };
}

function nodeCalls(deps: BackendDeps): Pick<BackendServer, NodeCall> {
  const { engine, notes, speakers, logger } = deps;
  const tell = (node: string, warning: string | undefined): void => {
    if (warning !== undefined) logger.warn({ node, warning }, "two executor managers of one name?");
  };
  return {
    registerNode: unary(async ({ node, executors }, call) => {
      const { metadata, status } = requiredField(node, "node", "RegisterNode");
      const { name } = requiredField(metadata, "node.metadata", "RegisterNode");
      const caller = nodeCallerOf(call);
      const version = textOf(call.metadata, versionKey);
      const registration = {
        report: nodeReportFromWire(name, status),
        executors: executors.flatMap(reportedExecutor),
        ...(version !== undefined && { version }),
        endsServices: call.metadata.get(endsServicesKey).length > 0,
        works: call.metadata.get(workStreamKey).length > 0,
        caller,
      };
      try {
        await engine.ask("node.register", registration);
      } catch (thrown) {
        if (FlameError.from(thrown).code === "already_exists")
          tell(name, speakers.refused(name, caller));
        throw thrown;
      }
      notes.registered(name, call.metadata);
      tell(name, speakers.accepted(name, caller));
      return done;
    }),

    releaseNode: unary(async ({ nodeName: name }, call) => {
      const caller = nodeCallerOf(call);
      await engine.ask("node.release", { name, caller });
      speakers.left(name, caller);
      return done;
    }),

    syncNode: unary(async ({ node }, call) => {
      const { metadata, status } = requiredField(node, "node", "SyncNode");
      const { name } = requiredField(metadata, "node.metadata", "SyncNode");
      const answer = await engine.ask("node.sync", {
        report: nodeReportFromWire(name, status),
        caller: nodeCallerOf(call),
      });
      return {
        node: nodeToWire(answer.node),
        executors: answer.executors.map((record) => executorToWire(record)),
      };
    }),

    watchNode: nodeStream(deps),
  };
}

type NodeCall = "registerNode" | "releaseNode" | "syncNode" | "watchNode";
type ExecutorCall =
  | "registerExecutor"
  | "unregisterExecutor"
  | "bindExecutor"
  | "bindExecutorCompleted"
  | "unbindExecutor"
  | "unbindExecutorCompleted"
  | "launchTask"
  | "completeTask";

/** Nearly always the input of a task that is handed out is at hand. */
function withInput(
  payloads: Payloads,
  task: TaskRecord,
  go: (input: PayloadRead) => void,
  fail: (error: Error) => void,
): void {
  const held = payloads.atHand(task, "input");
  if (held !== "stored") go(held);
  else payloads.read([task], "input").then(([input]) => go(input), fail);
}

/** What an executor needs of a task: its input; the events stay here. */
function launched(
  call: ServerUnaryCall<LaunchTaskRequest, LaunchTaskResponse>,
  task: TaskRecord,
  input: PayloadRead,
): LaunchTaskResponse {
  // It was cancelled and deleted meanwhile, and nobody waits for it.
  if (input === "gone") return { task: undefined };
  call.sendMetadata(leaseMetadata(task));
  return { task: taskToWire({ ...task, events: [] }, input, undefined) };
}

async function boundTo(
  deps: BackendDeps,
  executorId: string,
  reply: BindReply,
): Promise<BindExecutorResponse> {
  const { engine, payloads, notes, logs } = deps;
  const sessions = reply.bound === undefined ? [] : [reply.bound.session.record];
  const [commonData] = await payloads.commonData(sessions);
  const suited = commonData === "gone" ? reply : suitedTo(deps, executorId, reply);
  const told = boundToWire(suited, commonData);
  const sessionId = told.session?.metadata?.id;
  if (sessionId === undefined) return told;
  notes.bound(executorId, sessionId);
  const executor = engine.state.executors.find(executorId);
  if (executor !== undefined) logs.live.bound(executor.record.node, sessionId);
  return told;
}

/** With the application as the executor's node can run it. */
function suitedTo(
  { engine, publishedPrograms }: BackendDeps,
  executorId: string,
  { bound }: BindReply,
): BindReply {
  if (bound === undefined) return {};
  const { executors, nodes } = engine.state;
  const node = nodes.find(executors.find(executorId)?.record.node ?? "");
  if (node?.version !== undefined) return { bound };
  return { bound: { ...bound, application: publishedPrograms.insteadOfOurs(bound.application) } };
}

function executorCalls(deps: BackendDeps): Pick<BackendServer, ExecutorCall> {
  const { engine, payloads, notes } = deps;
  return {
    registerExecutor: unary(async ({ executorId: id, executorSpec }, call) => {
      const { shim } = requiredField(executorSpec, "executor_spec", "RegisterExecutor");
      await engine.ask("executor.register", {
        ...executorCall(id, call),
        shim: shimFromWire(shim),
      });
      // As the machine has it: what the call says of the node is not asked.
      const place = engine.state.executors.find(id)?.record.node;
      if (place !== undefined) notes.executorRegistered(id, place);
      return done;
    }),

    unregisterExecutor: unary(async ({ executorId: id }, call) => {
      await engine.ask("executor.unregister", executorCall(id, call));
      return done;
    }),

    bindExecutor: longPoll<BindExecutorRequest, BindExecutorResponse>((call, reply, fail) =>
      engine.call(
        "executor.bind",
        executorCall(call.request.executorId, call),
        (answer) => {
          boundTo(deps, call.request.executorId, answer).then(reply, fail);
        },
        fail,
      ),
    ),

    bindExecutorCompleted: unary(async ({ executorId: id, result }, call) => {
      const message = result?.message;
      const outcome = {
        returnCode: result?.returnCode ?? 0,
        ...(message !== undefined && { message }),
      };
      await engine.ask("executor.bindCompleted", { ...executorCall(id, call), outcome });
      return done;
    }),

    unbindExecutor: unary(async ({ executorId: id }, call) => {
      await engine.ask("executor.unbind", executorCall(id, call));
      return done;
    }),

    unbindExecutorCompleted: unary(async ({ executorId: id }, call) => {
      await engine.ask("executor.unbindCompleted", executorCall(id, call));
      return done;
    }),

    launchTask: longPoll<LaunchTaskRequest, LaunchTaskResponse>((call, reply, fail) =>
      engine.call(
        "executor.launch",
        executorCall(call.request.executorId, call),
        ({ task }) => {
          if (task === undefined) reply({ task });
          else withInput(payloads, task, (input) => reply(launched(call, task, input)), fail);
        },
        fail,
      ),
    ),

    completeTask: unary(async ({ executorId: id, taskResult }, call) => {
      const result = requiredField(taskResult, "task_result", "CompleteTask");
      const lease = call.metadata.get(leaseKey)[0]?.toString();
      await engine.ask("executor.complete", {
        ...executorCall(id, call),
        outcome: outcomeOf(result),
        ...(lease !== undefined && { lease }),
      });
      return done;
    }),
  };
}

/** Which executor calls, and who in its name. */
function executorCall(
  id: string,
  call: { readonly metadata: Metadata },
): { id: string; identity: Identity | undefined } {
  return { id, identity: identityOf(call) };
}

/** A unary call that may wait inside the machine for long, and is taken back when its caller goes away. */
function longPoll<Q, A>(
  start: (
    call: ServerUnaryCall<Q, A>,
    reply: (answer: A) => void,
    fail: (error: Error) => void,
  ) => { cancel(): void },
): (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>) => void {
  return (call, callback) => {
    const pending = start(
      call,
      (answer) => {
        callback(null, answer);
      },
      (error) => {
        callback(statusOf(error));
      },
    );
    call.on("cancelled", () => {
      pending.cancel();
    });
  };
}

function leaseMetadata(task: TaskRecord): Metadata {
  const metadata = new Metadata();
  metadata.set(leaseKey, leaseOf(task));
  return metadata;
}

function outcomeOf(result: TaskResult): TaskOutcome {
  return {
    returnCode: result.returnCode,
    ...(result.output !== undefined && { output: result.output }),
    ...(result.message !== undefined && { message: result.message }),
  };
}

/** An incomplete entry is nothing to align with. */
function reportedExecutor(executor: Executor): ReportedExecutor[] {
  const id = executor.metadata?.id ?? "";
  if (id === "" || executor.status === undefined) return [];
  return [
    {
      id,
      state: executorStateName(executor.status.state),
      shim: shimFromWire(executor.spec?.shim ?? 0),
    },
  ];
}
