/**
 * The client of Flame: sessions, tasks, objects, applications and the registry. docs/typescript.md shows how it is used.
 * Everything that the package `flame-ts` gives away as `flame-ts/client` is named here.
 */
export type { CancelOptions, CancelResult } from "../client/cancel.ts";
export type { PutOffCall } from "../client/frontend-client.ts";
export type {
  ObjectChange,
  ObjectChangeOptions,
  ObjectListing,
  ObjectPatch,
  Objects,
  PutOptions,
} from "../client/objects-types.ts";
export type {
  AbsentApplication,
  ApplicationHistory,
  ApplyResult,
  ChangeOptions,
  FieldDifference,
  FieldOrigin,
  ManifestDocument,
  Registry,
  RegistryApplication,
  RegistryChange,
  RemovalInfo,
  RevisionInfo,
  SourceFaultInfo,
} from "../client/registry-types.ts";
export type { SubmitOptions } from "../client/submit-options.ts";
export { CancelledError, TaskFailedError } from "../client/task-output.ts";
export type { Application, EventInfo, SessionInfo, Task } from "../client/types.ts";
export type { ApplicationManifestSpec } from "../model/application-spec.ts";
export type { ErrorCode, FlameErrorOptions } from "../model/errors.ts";
export { FlameError } from "../model/errors.ts";
export type { Resources } from "../model/resources.ts";
export type { ObjectRef } from "../protocol/flight/object-ref.ts";
export { decodeObjectRef, encodeObjectRef } from "../protocol/flight/object-ref.ts";
export type {
  Applications,
  CloseOptions,
  ConnectOptions,
  Flame,
  InvokeOptions,
  MapOptions,
  OpenOptions,
  Session,
  SessionOptions,
  TaskHandle,
  TaskPlace,
  TaskResult,
  WaitOptions,
} from "./client-types.ts";
export type { Codec, Codecs } from "./codec.ts";
export { bytes, json, text } from "./codec.ts";
export { connect } from "./connect.ts";
export type { LogLine, Logs } from "./log-lines.ts";
