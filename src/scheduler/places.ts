import type { SessionDemand, Snapshot } from "./ports.ts";

/**
 * What some sessions have together at most, while a decision is being made: the executors of one application
 * (`max_instances`), or those of one owner (its quota).
 */
export interface Places {
  isFull(session: SessionDemand): boolean;
  /** The session is given or promised one more. */
  take(session: SessionDemand): void;
  /** An executor leaves its session anyway, and nobody counts on its place yet. */
  mayClaim(session: SessionDemand): boolean;
  /** Counts on such a place. */
  claim(session: SessionDemand): void;
  /** What leaves the one makes place for the other. */
  areShared(one: SessionDemand, other: SessionDemand): boolean;
}

/** All that bounds the sessions of the snapshot beside room on nodes and what each of them says itself. */
export function placesOf(snapshot: Snapshot): readonly Places[] {
  const { sessions } = snapshot;
  const applications = new SharedPlaces(sessions, {
    keyOf: ({ application }) => application,
    heldBy: ({ held }) => held,
    max: snapshot.applicationMax,
    leaving: snapshot.applicationLeaving,
  });
  if (!sessions.some(({ owner }) => owner !== undefined)) return [applications];
  const owners = new SharedPlaces(sessions, {
    keyOf: ({ owner }) => owner,
    // Else tasks that wait for tasks of the same owner would keep these from running.
    heldBy: ({ held, yielding }) => held - yielding,
    max: snapshot.ownerMax,
    leaving: snapshot.ownerLeaving,
  });
  return [applications, owners];
}

interface Bounds {
  /** Undefined: the session is not bounded. */
  readonly keyOf: (session: SessionDemand) => string | undefined;
  readonly heldBy: (session: SessionDemand) => number;
  readonly max: (key: string) => number;
  readonly leaving: (key: string) => number;
}

class SharedPlaces implements Places {
  readonly #bounds: Bounds;
  readonly #held = new Map<string, number>();
  readonly #claimed = new Map<string, number>();

  constructor(sessions: readonly SessionDemand[], bounds: Bounds) {
    this.#bounds = bounds;
    for (const session of sessions) this.#add(this.#held, session, bounds.heldBy(session));
  }

  isFull(session: SessionDemand): boolean {
    const key = this.#bounds.keyOf(session);
    return key !== undefined && (this.#held.get(key) ?? 0) >= this.#bounds.max(key);
  }

  take(session: SessionDemand): void {
    this.#add(this.#held, session, 1);
  }

  mayClaim(session: SessionDemand): boolean {
    const key = this.#bounds.keyOf(session);
    return key !== undefined && (this.#claimed.get(key) ?? 0) < this.#bounds.leaving(key);
  }

  claim(session: SessionDemand): void {
    this.#add(this.#claimed, session, 1);
  }

  areShared(one: SessionDemand, other: SessionDemand): boolean {
    return this.#bounds.keyOf(one) === this.#bounds.keyOf(other);
  }

  #add(counts: Map<string, number>, session: SessionDemand, more: number): void {
    const key = this.#bounds.keyOf(session);
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + more);
  }
}
