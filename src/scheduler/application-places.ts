import type { Snapshot } from "./ports.ts";

/** How many of its `max_instances` each application has left, over all its sessions, while a decision is being made. */
export class ApplicationPlaces {
  readonly #snapshot: Snapshot;
  readonly #held = new Map<string, number>();
  /** Places that come free soon and that a session counts on already. */
  readonly #claimed = new Map<string, number>();

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    for (const { application, held } of snapshot.sessions) add(this.#held, application, held);
  }

  isFull(application: string): boolean {
    return (this.#held.get(application) ?? 0) >= this.#snapshot.applicationMax(application);
  }

  take(application: string): void {
    add(this.#held, application, 1);
  }

  /** Counts on an executor that leaves its session anyway; false when others count on all of them. */
  claimLeaving(application: string): boolean {
    const claimed = this.#claimed.get(application) ?? 0;
    if (claimed >= this.#snapshot.applicationLeaving(application)) return false;
    add(this.#claimed, application, 1);
    return true;
  }
}

function add(counts: Map<string, number>, key: string, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
