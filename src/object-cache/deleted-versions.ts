import type { Deletion } from "./object-store.ts";

/** Deleted keys that are remembered one by one. Unit: keys. */
export const deletedKeysMax = 10_000;

/**
 * The last versions of deleted keys. A key that is put again counts on from there: were it to begin at 1 again, a
 * client that still holds the old version 1 would be told "not modified". Beyond the limit the oldest keys fold into
 * one floor that holds for every key: still never a version twice, at the price of gaps.
 */
export class DeletedVersions {
  readonly #versions = new Map<string, number>();
  #floor = 0;

  /** The version that every unknown key is beyond. */
  get floor(): number {
    return this.#floor;
  }

  last(key: string): number {
    return this.#versions.get(key) ?? this.#floor;
  }

  /** Whether the key is remembered one by one. */
  has(key: string): boolean {
    return this.#versions.has(key);
  }

  raiseFloor(version: number): void {
    this.#floor = Math.max(this.#floor, version);
  }

  add(deletions: readonly Deletion[]): void {
    for (const { key, version } of deletions) {
      const known = this.#versions.get(key) ?? 0;
      this.#versions.delete(key);
      this.#versions.set(key, Math.max(known, version));
    }
    for (const [key, version] of this.#versions) {
      if (this.#versions.size <= deletedKeysMax) break;
      this.#versions.delete(key);
      this.raiseFloor(version);
    }
  }

  entries(): Deletion[] {
    return [...this.#versions].map(([key, version]) => ({ key, version }));
  }
}
