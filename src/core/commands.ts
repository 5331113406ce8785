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
import type { BindReply } from "../executors/executor-book.ts";
import type { NodePush, WorkPush } from "../executors/node-book.ts";
import type { CallToken, StreamToken, Token } from "../kit/turn.ts";
import type { ApplicationRecord } from "../model/application.ts";
import type { Caller, Identity } from "../model/caller.ts";
import type { ExecutorRecord, Shim } from "../model/executor.ts";
import type { NodeCaller, NodeRecord, NodeReport, ReportedExecutor } from "../model/node.ts";
import type { SessionKey, SessionRequest, SessionView } from "../model/session.ts";
import type { LaunchReply, TaskOutcome, TaskReply } from "../model/task.ts";
import type { EndedSubmit } from "../sessions/submit-book.ts";
import type { ApplicationEvent } from "./application-event.ts";
import type { CancelReply, CancelRequest } from "./cancel-request.ts";
import type { NodeWork } from "./node-work.ts";
import type { FollowRange, FollowReply, SubmitBatch, SubmitReply } from "./submit-batch.ts";

/** What every call of an executor says. `identity`: who calls, where nodes have to prove it. */
interface ExecutorCall {
  id: string;
  identity?: Identity | undefined;
}

/**
 * Everything that can be asked of the machine: what goes in, and what a call is answered with (`reply`) or a stream is
 * sent (`push`). Errors are FlameErrors; a command that fails has changed nothing.
 */
export interface CommandTable {
  "application.register": { input: RegisterApplication; reply: ApplicationRecord };
  "application.update": { input: UpdateApplication; reply: ApplicationRecord };
  "application.unregister": { input: { name: string; author: string }; reply: undefined };
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
  /** Until its caller goes away. */
  "application.watch": { input: { name?: string }; push: ApplicationEvent };

  "session.create": {
    input: NewSessionOwner & { id: string; request: SessionRequest };
    reply: SessionView;
  };
  /** Get-or-create when `request` is given. */
  "session.open": {
    input: NewSessionOwner & { id: string; request?: SessionRequest };
    reply: SessionView;
  };
  "session.close": { input: { id: string }; reply: SessionView };
  /** Ends tasks that have not ended by themselves. */
  "session.cancel": { input: CancelRequest; reply: CancelReply };
  "session.delete": { input: { id: string }; reply: SessionView };
  /** The objects of closed sessions have left the object cache. */
  "session.objectsDeleted": { input: { ids: readonly string[] }; reply: undefined };
  "session.get": { input: { id: string }; reply: SessionView };
  "session.list": { input: object; reply: readonly SessionView[] };

  /** A client with sessions that end with it says that it is there. */
  "client.beat": { input: { client: string }; reply: undefined };

  "task.create": {
    input: { sessionId: string; input?: Buffer; timeoutMs?: number };
    reply: TaskReply;
  };
  "task.get": { input: { sessionId: string; taskId: number }; reply: TaskReply };
  /** Ends after a terminal one. */
  "task.watch": { input: { sessionId: string; taskId: number }; push: TaskReply };
  /** The reply only says which session it is: the shell pages through the store. */
  "task.list": { input: { sessionId: string }; reply: SessionKey };

  /** Hears how the tasks of a producer end; ended by the machine when another stream speaks for the producer. */
  "submit.open": { input: { sessionId: string; producer: string }; push: EndedSubmit };
  "submit.tasks": { input: SubmitBatch; reply: SubmitReply };
  /** After a new stream was opened: which of these have ended before. */
  "submit.follow": { input: FollowRange; reply: FollowReply };

  "node.list": { input: object; reply: readonly NodeRecord[] };
  "node.get": { input: { name: string }; reply: NodeRecord };
  "node.register": {
    /**
     * `version`: that of its executor manager, if it is of this make. `endsServices`: told to forget an executor, the node
     * ends its service and then unregisters it. `works`: it opens a work stream.
     */
    input: {
      report: NodeReport;
      executors: readonly ReportedExecutor[];
      version?: string;
      endsServices?: boolean;
      caller?: NodeCaller;
      works?: boolean;
    };
    reply: undefined;
  };
  "node.release": { input: { name: string; caller?: NodeCaller }; reply: undefined };
  /** By an operator, for a node whose executor manager is gone. */
  "node.free": { input: { name: string }; reply: undefined };
  "node.sync": {
    input: { report: NodeReport; caller?: NodeCaller };
    reply: { node: NodeRecord; executors: readonly ExecutorRecord[] };
  };
  /** Ended by the machine when the node falls silent or another stream takes its place. */
  "node.watch": { input: { report: NodeReport; caller?: NodeCaller }; push: NodePush };
  "node.beat": { input: { stream: Token; report: NodeReport }; reply: undefined };

  /** Ended by the machine when the node registers anew, or another stream takes its place. */
  "node.work": {
    /**
     * `warm`: how many services it keeps started for sessions to come, at most. @default 0
     * `binds`: it takes new executors together with their sessions. @default false
     */
    input: { name: string; caller?: NodeCaller; warm?: number; binds?: boolean };
    push: WorkPush;
  };
  /** `stream`: that of the node, on which this came. */
  "node.worked": { input: { stream: Token; name: string; work: NodeWork }; reply: undefined };

  "executor.list": { input: object; reply: readonly ExecutorRecord[] };
  "executor.register": { input: ExecutorCall & { shim: Shim }; reply: undefined };
  "executor.unregister": { input: ExecutorCall; reply: undefined };
  /** Waits for a session; an empty reply means: release yourself. */
  "executor.bind": { input: ExecutorCall; reply: BindReply };
  "executor.bindCompleted": {
    input: ExecutorCall & { outcome: { returnCode: number; message?: string } };
    reply: undefined;
  };
  "executor.unbind": { input: ExecutorCall; reply: undefined };
  "executor.unbindCompleted": { input: ExecutorCall; reply: undefined };
  /** Waits for a task; an empty reply means: unbind. */
  "executor.launch": { input: ExecutorCall; reply: LaunchReply };
  "executor.complete": {
    /** `lease`: the `leaseOf` the task that was handed out; without it the executor's one current task is meant. */
    input: ExecutorCall & { outcome: TaskOutcome; lease?: string };
    reply: undefined;
  };

  /** The caller of a waiting call or stream went away. */
  cancel: { input: { waiting: Command }; reply: undefined };
  /** A deadline has come, or the safety net wants a look. */
  tick: { input: object; reply: undefined };
}

/** Who asks for a session. */
export interface NewSessionOwner {
  readonly caller: Caller;
  /** The client that the session ends with; absent: it stays until it is closed (docs/protocol.md, "Unused sessions"). */
  readonly client?: string;
}

export interface ApplicationView {
  readonly record: ApplicationRecord;
  readonly openSessions: number;
}

export type CommandKind = keyof CommandTable;

/** Commands that open a stream. */
export type StreamKind = {
  [K in CommandKind]: CommandTable[K] extends { push: unknown } ? K : never;
}[CommandKind];

/** Commands that are answered once. */
export type CallKind = Exclude<CommandKind, StreamKind>;

export type Reply<K extends CallKind> = CommandTable[K]["reply"];
export type Push<K extends StreamKind> = CommandTable[K]["push"];

/** What the machine may send to the caller of a command. */
export type TokenOf<K extends CommandKind> = K extends StreamKind
  ? StreamToken<Push<K>>
  : K extends CallKind
    ? CallToken<Reply<K>>
    : never;

export type Command = {
  [K in CommandKind]: {
    readonly kind: K;
    readonly input: CommandTable[K]["input"];
    readonly token: Token;
    /** Who asks, where roles say what it may know and change (access-rules.ts); absent: everything. */
    readonly as?: Caller;
  };
}[CommandKind];
