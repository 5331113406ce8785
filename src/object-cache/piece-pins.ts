import type { Piece } from "./object-store.ts";

/** Keeps pieces that are being read from being freed: what is dropped meanwhile is freed by its last reader. */
export class PiecePins {
  readonly #free: (pieces: readonly Piece[]) => Promise<void>;
  readonly #readers = new Map<string, number>();
  readonly #dropped = new Map<string, Piece>();

  constructor(free: (pieces: readonly Piece[]) => Promise<void>) {
    this.#free = free;
  }

  pin(pieces: readonly Piece[]): void {
    for (const { id } of pieces) this.#readers.set(id, (this.#readers.get(id) ?? 0) + 1);
  }

  async unpin(pieces: readonly Piece[]): Promise<void> {
    const unread: Piece[] = [];
    for (const { id } of pieces) {
      const readers = (this.#readers.get(id) ?? 0) - 1;
      if (readers > 0) {
        this.#readers.set(id, readers);
        continue;
      }
      this.#readers.delete(id);
      const dropped = this.#dropped.get(id);
      this.#dropped.delete(id);
      if (dropped !== undefined) unread.push(dropped);
    }
    await this.#free(unread);
  }

  /** Frees the pieces, or leaves it to who reads them. */
  async drop(pieces: readonly Piece[]): Promise<void> {
    const isRead = (piece: Piece): boolean => this.#readers.has(piece.id);
    for (const piece of pieces.filter(isRead)) this.#dropped.set(piece.id, piece);
    await this.#free(pieces.filter((piece) => !isRead(piece)));
  }
}
