import type {
  ApplyApplication,
  ApplyOptions,
  ApplyOutcome,
  RegisterApplication,
  RemoveApplication,
  RemoveOutcome,
  SeedApplication,
  SeedOutcome,
  UpdateApplication,
} from "../application-registry/index.ts";
import type { Token } from "../kit/turn.ts";
import type { ApplicationRecord } from "../model/application.ts";
import type { Caller } from "../model/caller.ts";
import type { ExecutorRecord, Shim } from "../model/executor.ts";
import type { NodeRecord, NodeReport, ReportedExecutor } from "../model/node.ts";
import type { SessionRequest, SessionView } from "../model/session.ts";
import type { TaskOutcome, TaskRecord } from "../model/task.ts";

/** A task of a session; terminal ones are not in memory, the shell reads them from the store once the turn is durable. */
export type TaskReply =
  | { readonly task: TaskRecord }
  | { readonly stored: { sessionId: string; taskId: number } };

/**
 * Everything that can be asked of the machine: what goes in, what the reply carries.
 * Errors are FlameErrors; a command that fails has changed nothing.
 */
export interface CommandTable {
  "application.register": { input: RegisterApplication; reply: ApplicationRecord };
  "application.update": { input: UpdateApplication; reply: ApplicationRecord };
  "application.unregister": { input: { name: string }; reply: undefined };
  "application.apply": {
    input: { applications: readonly ApplyApplication[]; options: ApplyOptions };
    reply: readonly ApplyOutcome[];
  };
  "application.remove": { input: RemoveApplication; reply: RemoveOutcome };
  "application.get": { input: { name: string }; reply: ApplicationRecord };
  /** One application, or all by name, with how many open sessions each has. */
  "application.view": { input: { name?: string }; reply: readonly ApplicationView[] };
  "application.list": { input: object; reply: readonly ApplicationRecord[] };
  /** Which revision of which application a session was created with. */
  "application.ofSession": {
    input: { sessionId: string };
    reply: { name: string; revision: number };
  };
  "application.seed": {
    input: { defaults: readonly SeedApplication[] };
    reply: readonly SeedOutcome[];
  };
  /** A stream: pushes ApplicationEvent, until its caller goes away. */
  "application.watch": { input: { name?: string }; reply: never };

  "session.create": {
    input: { id: string; request: SessionRequest; caller: Caller };
    reply: SessionView;
  };
  /** Get-or-create when `request` is given. */
  "session.open": {
    input: { id: string; request?: SessionRequest; caller: Caller };
    reply: SessionView;
  };
  "session.close": { input: { id: string }; reply: SessionView };
  "session.delete": { input: { id: string }; reply: SessionView };
  "session.get": { input: { id: string }; reply: SessionView };
  "session.list": { input: object; reply: readonly SessionView[] };

  "task.create": {
    input: { sessionId: string; input?: Buffer; submitId?: string };
    reply: TaskReply;
  };
  "task.get": { input: { sessionId: string; taskId: number }; reply: TaskReply };
  /** A stream: pushes TaskReply, ends after a terminal one. */
  "task.watch": { input: { sessionId: string; taskId: number }; reply: never };
  /** The reply only says that the session exists: the shell pages through the store. */
  "task.list": { input: { sessionId: string }; reply: undefined };

  "node.list": { input: object; reply: readonly NodeRecord[] };
  "node.get": { input: { name: string }; reply: NodeRecord };
  "node.register": {
    input: { report: NodeReport; executors: readonly ReportedExecutor[] };
    reply: undefined;
  };
  "node.release": { input: { name: string }; reply: undefined };
  "node.sync": {
    input: { report: NodeReport };
    reply: { node: NodeRecord; executors: readonly ExecutorRecord[] };
  };
  /** A stream: pushes NodePush; ended by the machine when the node falls silent or another stream takes its place. */
  "node.watch": { input: { report: NodeReport }; reply: never };
  "node.beat": { input: { stream: Token; report: NodeReport }; reply: undefined };

  "executor.list": { input: object; reply: readonly ExecutorRecord[] };
  "executor.register": { input: { id: string; shim: Shim }; reply: undefined };
  "executor.unregister": { input: { id: string }; reply: undefined };
  /** Waits for a session; an empty reply means: release yourself. */
  "executor.bind": { input: { id: string }; reply: BindReply };
  "executor.bindCompleted": {
    input: { id: string; outcome: { returnCode: number; message?: string } };
    reply: undefined;
  };
  "executor.unbind": { input: { id: string }; reply: undefined };
  "executor.unbindCompleted": { input: { id: string }; reply: undefined };
  /** Waits for a task; an empty reply means: unbind. */
  "executor.launch": { input: { id: string }; reply: { task?: TaskRecord } };
  "executor.complete": {
    /** `lease`: the `leaseOf` the task that was handed out; without it the executor's one current task is meant. */
    input: { id: string; outcome: TaskOutcome; lease?: string };
    reply: undefined;
  };

  /** The caller of a waiting call or stream went away. */
  cancel: { input: { waiting: Command }; reply: undefined };
  /** A deadline has come, or the safety net wants a look. */
  tick: { input: object; reply: undefined };
}

export interface ApplicationView {
  readonly record: ApplicationRecord;
  readonly openSessions: number;
}

export interface BindReply {
  readonly bound?: { readonly application: ApplicationRecord; readonly session: SessionView };
}

export type CommandKind = keyof CommandTable;

export type Command = {
  [K in CommandKind]: {
    readonly kind: K;
    readonly input: CommandTable[K]["input"];
    readonly token: Token;
  };
}[CommandKind];
