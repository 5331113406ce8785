/**
 * Sessions that are deleted for everybody and still take room: a session is marked first, and goes in pieces. What a commit
 * that is not durable yet will have changed of that is known apart.
 */
export class PartlyDeleted {
  readonly #onDeleted: (id: string) => void;
  /** The first deleted first. */
  #leaving = new Set<string>();
  /** What the commit under way changes: whether a session is leaving. */
  readonly #next = new Map<string, boolean>();
  readonly #deleted = new Set<string>();

  /** @param onDeleted told of each session as soon as it is deleted for everybody */
  constructor(onDeleted: (id: string) => void) {
    this.#onDeleted = onDeleted;
  }

  /** What the database has. */
  load(ids: Iterable<string>): void {
    this.drop();
    this.#leaving = new Set(ids);
  }

  has(id: string): boolean {
    return this.#leaving.has(id);
  }

  get isEmpty(): boolean {
    return this.#leaving.size === 0;
  }

  /** Those that the commit under way does not end, `wanted` first if it is one. */
  *ids(wanted: string | undefined): Generator<string> {
    if (wanted !== undefined && this.#isLeft(wanted)) yield wanted;
    for (const id of this.#leaving) if (id !== wanted && this.#isLeft(id)) yield id;
  }

  /** A commit deletes the session. @returns whether it has to be marked */
  delete(id: string): boolean {
    if (this.#willBeLeaving(id)) return false;
    this.#deleted.add(id);
    this.#next.set(id, true);
    return true;
  }

  /** A commit uses the id again, or deletes the last piece. @returns whether something of that id is left */
  finish(id: string): boolean {
    if (!this.#willBeLeaving(id)) return false;
    this.#next.set(id, false);
    return true;
  }

  /** The commit is durable. */
  settle(): void {
    for (const [id, isLeaving] of this.#next) {
      if (isLeaving) this.#leaving.add(id);
      else this.#leaving.delete(id);
    }
    for (const id of this.#deleted) this.#onDeleted(id);
    this.drop();
  }

  /** The commit came to nothing. */
  drop(): void {
    this.#next.clear();
    this.#deleted.clear();
  }

  #isLeft(id: string): boolean {
    return this.#leaving.has(id) && this.#next.get(id) !== false;
  }

  #willBeLeaving(id: string): boolean {
    return this.#next.get(id) ?? this.#leaving.has(id);
  }
}
