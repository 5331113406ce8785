export type { CancelOptions, CancelResult } from "./cancel.ts";
export type { FlameClientOptions } from "./flame-client.ts";
export { FlameClient } from "./flame-client.ts";
export type { PutOffCall } from "./frontend-client.ts";
export { RegistryClient } from "./registry.ts";
export type {
  AbsentApplication,
  ApplicationHistory,
  ApplyResult,
  ChangeOptions,
  FieldDifference,
  FieldOrigin,
  ManifestDocument,
  RegistryApplication,
  RegistryChange,
  RemovalInfo,
  RevisionInfo,
  SourceFaultInfo,
} from "./registry-types.ts";
export { Session } from "./session.ts";
export type { RunOptions, SubmitOptions } from "./submit-options.ts";
export type { NoTask, TaskCreation, TaskEnd } from "./task-end.ts";
export { CancelledError, TaskFailedError, taskOutput } from "./task-output.ts";
export type {
  Application,
  AuditOptions,
  ClusterInfo,
  EventInfo,
  Executor,
  ExecutorState,
  LogEntry,
  Node,
  SessionInfo,
  SessionSpec,
  Task,
} from "./types.ts";
