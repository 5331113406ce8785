/** Clients that have sessions which end with them: when each was last heard of, and how many there are. */
export class ClientBook {
  readonly #clients = new Map<string, { seen: number; sessions: number }>();

  get size(): number {
    return this.#clients.size;
  }

  /** A session of the client has begun or was opened. @param steady in milliseconds, as everywhere here */
  join(client: string, steady: number): void {
    const known = this.#clients.get(client);
    if (known === undefined) this.#clients.set(client, { seen: steady, sessions: 1 });
    else {
      known.seen = steady;
      known.sessions++;
    }
  }

  /** A session of the client is over, or no longer ends with it. */
  leave(client: string): void {
    const known = this.#clients.get(client);
    if (known === undefined) return;
    known.sessions--;
    if (known.sessions === 0) this.#clients.delete(client);
  }

  /** The client is there; one without such sessions is not remembered. */
  heard(client: string, steady: number): void {
    const known = this.#clients.get(client);
    if (known !== undefined) known.seen = steady;
  }

  /** When any of them was heard of last. */
  lastSeen(clients: readonly string[]): number {
    return Math.max(
      ...clients.map((client) => this.#clients.get(client)?.seen ?? Number.NEGATIVE_INFINITY),
    );
  }
}
