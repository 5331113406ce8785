import type { Resources } from "./resources.ts";

export type Shim = "Host" | "Wasm";

/**
 * - Void: created by the scheduler, its node has not registered it yet.
 * - Idle: registered, serves no session.
 * - Binding: given to a session; the node installs and starts the service.
 * - Bound: serves tasks of its session.
 * - Unbinding: the node is stopping the service.
 * - Releasing: to be unregistered by its node; with a session as long as a service may still run that was ended.
 */
export type ExecutorState = "Void" | "Idle" | "Binding" | "Bound" | "Unbinding" | "Releasing";

/** The only transitions there are; whatever leaves the book is deleted, from any state. */
export const executorTransitions: Readonly<Record<ExecutorState, readonly ExecutorState[]>> = {
  Void: ["Idle"],
  Idle: ["Binding", "Releasing"],
  Binding: ["Bound", "Unbinding", "Idle"],
  // To Releasing: what it ran was ended from outside.
  Bound: ["Unbinding", "Releasing"],
  Unbinding: ["Idle"],
  Releasing: [],
};

/** One executor as it is stored: a slot on a node that runs one task at a time. */
export interface ExecutorRecord {
  readonly id: string;
  readonly node: string;
  readonly resreq: Resources;
  readonly shim: Shim;
  readonly state: ExecutorState;
  /** The session it was given to; absent while it serves none. */
  readonly sessionId?: string;
}
