import type { DeleteTarget, ObjectKey } from "./object-key.ts";
import type { Piece } from "./object-store.ts";

/** What there is under a key now. Never changed: a put or patch replaces it. */
export interface ObjectRecord {
  readonly key: ObjectKey;
  readonly base: Piece;
  /** Ascending and without gaps from the base's version + 1. */
  readonly patches: readonly Piece[];
}

/** Version of the object: that of its newest piece. */
export function versionOf(record: ObjectRecord): number {
  return record.patches.at(-1)?.version ?? record.base.version;
}

/** All pieces of an object, the base first. */
export function piecesOf(record: ObjectRecord): readonly Piece[] {
  return [record.base, ...record.patches];
}

/** Bytes of an object, patches included. */
export function sizeOf(record: ObjectRecord): number {
  return piecesOf(record).reduce((sum, piece) => sum + piece.size, 0);
}

/** Every object of the cache by key, and the keys of each session. */
export class ObjectTable {
  readonly #objects = new Map<string, ObjectRecord>();
  readonly #sessions = new Map<string, Set<string>>();

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): ObjectRecord | undefined {
    return this.#objects.get(key.text);
  }

  set(record: ObjectRecord): void {
    const { text, prefix } = record.key;
    this.#objects.set(text, record);
    const keys = this.#sessions.get(prefix);
    if (keys === undefined) this.#sessions.set(prefix, new Set([text]));
    else keys.add(text);
  }

  remove(key: ObjectKey): void {
    this.#objects.delete(key.text);
    const keys = this.#sessions.get(key.prefix);
    keys?.delete(key.text);
    if (keys?.size === 0) this.#sessions.delete(key.prefix);
  }

  hasSession(prefix: string): boolean {
    return this.#sessions.has(prefix);
  }

  all(): ObjectRecord[] {
    return [...this.#objects.values()];
  }

  matching(target: DeleteTarget): ObjectRecord[] {
    switch (target.kind) {
      case "object":
        return this.#records([target.key.text]);
      case "session":
        return this.#records(this.#sessions.get(target.prefix) ?? []);
      case "application": {
        const start = `${target.app}/`;
        const prefixes = [...this.#sessions.keys()].filter((prefix) => prefix.startsWith(start));
        return prefixes.flatMap((prefix) => this.#records(this.#sessions.get(prefix) ?? []));
      }
      default:
        return target satisfies never;
    }
  }

  #records(keys: Iterable<string>): ObjectRecord[] {
    return [...keys].flatMap((key) => this.#objects.get(key) ?? []);
  }
}
