import type { ExecutorEntry } from "../executors/executor-book.ts";
import type { SessionRecord } from "../model/session.ts";
import type { CoreState } from "./state.ts";

/** A task that waits at this depth keeps its room: so deep no sessions are nested on purpose. */
export const nestingMax = 16;

/**
 * Tasks that wait for tasks of their own (docs/protocol.md, "Nested sessions"): how deep sessions are nested in one
 * another by that, and what priority those have that somebody waits for.
 */
export class Nesting {
  readonly #depths = new Map<string, number>();
  readonly #priorities = new Map<string, number>();

  constructor(state: CoreState) {
    for (const executor of state.awaiting) {
      const isThere = state.executors.find(executor.record.id) === executor;
      if (!isThere || executor.running?.awaits === undefined) state.awaiting.delete(executor);
    }
    // Each round goes one session further from where nobody waits for it; sessions that wait for one another go no deeper.
    for (let depth = 0, goesOn = true; goesOn && depth < nestingMax; depth++) {
      goesOn = false;
      for (const executor of state.awaiting) if (this.#follow(state, executor)) goesOn = true;
    }
  }

  /** How many sessions wait for one another down to this one. */
  depthOf({ id }: SessionRecord): number {
    return this.#depths.get(id) ?? 0;
  }

  /** Its own, or that of a session that waits for it. */
  priorityOf({ id, priority }: SessionRecord): number {
    return Math.max(priority, this.#priorities.get(id) ?? priority);
  }

  /** The task of the executor waits, and its room is for others meanwhile. */
  yields(state: CoreState, executor: ExecutorEntry): boolean {
    if (executor.running?.awaits === undefined) return false;
    const session = state.sessionOf(executor)?.record;
    return session !== undefined && this.depthOf(session) < nestingMax;
  }

  /** @returns whether that told something new of a session that it waits for */
  #follow(state: CoreState, executor: ExecutorEntry): boolean {
    const waiting = state.sessionOf(executor)?.record;
    if (waiting === undefined) return false;
    const depth = Math.min(this.depthOf(waiting) + 1, nestingMax);
    let isNew = false;
    for (const id of executor.running?.awaits ?? []) {
      const awaited = id === waiting.id ? undefined : state.sessions.find(id)?.record;
      if (awaited === undefined) continue;
      const priority = this.priorityOf(waiting);
      if (depth <= this.depthOf(awaited) && priority <= this.priorityOf(awaited)) continue;
      this.#depths.set(id, Math.max(depth, this.depthOf(awaited)));
      this.#priorities.set(id, Math.max(priority, this.priorityOf(awaited)));
      isNew = true;
    }
    return isNew;
  }
}
