import { type Clock, systemClock } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { FlameError } from "../model/errors.ts";
import type { CacheMeter } from "./cache-meter.ts";
import { KeyLocks } from "./key-locks.ts";
import type { MemoryCache } from "./memory-cache.ts";
import { readerOf } from "./memory-store.ts";
import {
  type DeleteTarget,
  namesUnsynced,
  type ObjectKey,
  parseObjectKey,
  quoted,
} from "./object-key.ts";
import type { ObjectStore, Piece, PieceFormat, PieceReader, PieceWriter } from "./object-store.ts";
import { type ObjectRecord, ObjectTable, piecesOf, versionOf } from "./object-table.ts";
import { PiecePins } from "./piece-pins.ts";
import { SessionUsage } from "./session-usage.ts";

/** Patches that an object may have before it must be put anew. */
export const patchesMax = 1000;

export interface ObjectCacheDeps {
  readonly store: ObjectStore;
  readonly memory: MemoryCache;
  readonly logger: Logger;
  readonly meter?: CacheMeter | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

/** What is to become of received bytes. */
export interface PutDraft {
  readonly key: ObjectKey;
  readonly operation: "put" | "patch";
  readonly format: PieceFormat;
  /** The server made the object id up, so the key was never used before. */
  readonly generated: boolean;
  /** The version that the object must have now for the change to be made; 0 = it must not exist. */
  readonly expectedVersion?: number | undefined;
}

/** The answer to a get. Its pieces stay readable until `release`. */
export interface ObjectView {
  readonly kind: "unchanged" | "table" | "full" | "patches";
  /** What to send, in this order. */
  readonly pieces: readonly Piece[];
  release(): Promise<void>;
}

/**
 * The objects and their versions (docs/object-cache.md, sections 1 to 5). Changes of one key happen one after the
 * other, each durable in the store before it is visible here; readers see whole states and block nobody.
 */
export class ObjectCache {
  readonly #store: ObjectStore;
  readonly #memory: MemoryCache;
  readonly #logger: Logger;
  readonly #meter: CacheMeter | undefined;
  readonly #table = new ObjectTable();
  readonly #locks = new KeyLocks();
  readonly #pins: PiecePins;
  readonly #usage: SessionUsage;

  private constructor(deps: ObjectCacheDeps) {
    this.#store = deps.store;
    this.#memory = deps.memory;
    this.#logger = deps.logger;
    this.#meter = deps.meter;
    this.#usage = new SessionUsage(deps.clock ?? systemClock);
    this.#pins = new PiecePins(async (pieces) => {
      for (const { id } of pieces) this.#memory.forget(id);
      await this.#store.discard(pieces);
    });
  }

  /** Opens the cache on what the store holds. */
  static async open(deps: ObjectCacheDeps): Promise<ObjectCache> {
    const cache = new ObjectCache(deps);
    for (const { key, base, patches } of await deps.store.load()) {
      cache.#table.set({ key: parseObjectKey(key), base, patches });
    }
    deps.logger.info(
      { place: deps.store.place, objects: cache.#table.size, bytes: deps.store.usedBytes },
      "the objects are loaded",
    );
    return cache;
  }

  /** What the cache holds. */
  get usage(): { objects: number; storedBytes: number; memoryBytes: number } {
    return {
      objects: this.#table.size,
      storedBytes: this.#store.usedBytes,
      memoryBytes: this.#memory.bytes,
    };
  }

  /** What there is under a key now. */
  find(key: ObjectKey): ObjectRecord | undefined {
    return this.#table.get(key);
  }

  list(): ObjectRecord[] {
    return this.#table.all();
  }

  /** Milliseconds since an object of the key's session was put or asked for, or since the cache was opened. */
  idleMs(key: ObjectKey): number {
    return this.#usage.idleMs(key.prefix);
  }

  /**
   * Receives the bytes of a put or patch; `commit` or its own `abort` ends it.
   * @param durable false for a generated key alone: a version of a named one that a power cut took back would be given twice
   */
  createWriter(durable = true): PieceWriter {
    return this.#store.create(durable);
  }

  /**
   * Makes what a writer received the new state of its key, or the newest patch on it.
   * @param wholeInMemory the same bytes when the caller has them in one buffer: spares the next get a read.
   * @returns the version the object has now.
   * @throws FlameError aborted (expected version), not_found, invalid_argument (patches), resource_exhausted.
   */
  commit(draft: PutDraft, writer: PieceWriter, wholeInMemory?: Buffer): Promise<number> {
    return this.#locks.run(draft.key.text, async () => {
      const current = this.#table.get(draft.key);
      const version = this.#nextVersion(draft, current);
      const piece = await writer.commit({
        key: draft.key.text,
        kind: draft.operation === "put" ? "base" : "patch",
        format: draft.format,
        version,
      });
      this.#meter?.stored(draft.operation, piece.size);
      this.#usage.used(draft.key.prefix);
      if (wholeInMemory !== undefined) this.#memory.add(piece.id, wholeInMemory);
      if (draft.operation === "patch" && current !== undefined) {
        this.#table.set({ ...current, patches: [...current.patches, piece] });
        return version;
      }
      this.#table.set({ key: draft.key, base: piece, patches: [] });
      if (current !== undefined) await this.#pins.drop(piecesOf(current));
      return version;
    });
  }

  /**
   * Refuses a patch that cannot succeed, before its bytes are received.
   * @throws FlameError not_found, invalid_argument.
   */
  checkPatchable(key: ObjectKey): void {
    const current = this.#table.get(key);
    if (current === undefined) throw this.#missing(key);
    if (!current.base.durable) {
      throw new FlameError(
        "invalid_argument",
        `the object ${quoted(key.text)} was put with durable=False, and patches of what a power cut may take are not kept; ` +
          "update it instead, which is durable, or put it without durable=False",
      );
    }
    if (current.base.format === "table") {
      throw new FlameError(
        "invalid_argument",
        `the object ${quoted(key.text)} is an Arrow table, which cannot be patched; update it instead`,
      );
    }
    if (current.patches.length >= patchesMax) {
      throw new FlameError(
        "invalid_argument",
        `the object ${quoted(key.text)} has ${current.patches.length} patches, at most ${patchesMax} are kept; update it instead`,
      );
    }
  }

  /**
   * What a client that holds `clientVersion` (0 = nothing) must be sent (docs/object-cache.md, section 4).
   * @throws FlameError not_found.
   */
  view(key: ObjectKey, clientVersion: number): ObjectView {
    const record = this.#table.get(key);
    if (record === undefined) {
      this.#meter?.viewed("missing");
      throw this.#missing(key);
    }
    this.#usage.used(key.prefix);
    const { kind, pieces } = planView(record, clientVersion);
    this.#meter?.viewed(kind);
    this.#pins.pin(pieces);
    let held = true;
    const release = async (): Promise<void> => {
      if (held) await this.#pins.unpin(pieces);
      held = false;
    };
    return { kind, pieces, release };
  }

  /** Reads a piece of a view, from memory when it is there. */
  async openPiece(piece: Piece): Promise<PieceReader> {
    const inMemory = this.#memory.get(piece.id);
    this.#meter?.read(inMemory === undefined ? "store" : "memory", piece.size);
    return inMemory === undefined ? await this.#store.open(piece) : readerOf([inMemory], piece);
  }

  /** Offers the bytes of a piece to the memory; they must not change afterwards. */
  remember(piece: Piece, bytes: Buffer): void {
    this.#memory.add(piece.id, bytes);
  }

  /** Deletes what matches any target; nothing to delete is no error. @returns how many objects were deleted. */
  async delete(targets: readonly DeleteTarget[]): Promise<number> {
    const matching = targets.flatMap((target) => this.#table.matching(target));
    const keys = [...new Map(matching.map(({ key }) => [key.text, key])).values()];
    return await this.#locks.runAll(
      keys.map(({ text }) => text),
      async () => {
        const records = keys.flatMap((key) => this.#table.get(key) ?? []);
        await this.#recordDeletions(records);
        for (const { key } of records) {
          this.#table.remove(key);
          if (!this.#table.hasSession(key.prefix)) this.#usage.forget(key.prefix);
        }
        await this.#pins.drop(records.flatMap(piecesOf));
        this.#meter?.deleted(records.length);
        return records.length;
      },
    );
  }

  async #recordDeletions(records: readonly ObjectRecord[]): Promise<void> {
    if (records.length === 0) return;
    const deletions = records.map((record) => ({
      key: record.key.text,
      version: versionOf(record),
    }));
    try {
      await this.#store.recordDeletions(deletions);
    } catch (thrown) {
      if (FlameError.from(thrown).code !== "resource_exhausted") throw thrown;
      // A full disk must not keep anybody from making room: the bytes go first.
      this.#logger.warn({ objects: records.length }, "the disk is full: deleting before recording");
      for (const { key } of records) this.#table.remove(key);
      await this.#pins.drop(records.flatMap(piecesOf));
      await this.#store.recordDeletions(deletions);
    }
  }

  /** Gives back what the store holds open; nobody may use the cache any more. */
  async close(): Promise<void> {
    await this.#store.close();
  }

  #nextVersion(draft: PutDraft, current: ObjectRecord | undefined): number {
    const currentVersion = current === undefined ? 0 : versionOf(current);
    if (draft.expectedVersion !== undefined && draft.expectedVersion !== currentVersion) {
      throw unexpectedVersion(draft.key, draft.expectedVersion, currentVersion);
    }
    if (draft.operation === "patch") this.checkPatchable(draft.key);
    if (current !== undefined) return currentVersion + 1;
    if (draft.generated) return 1;
    // Somebody may hold version 1 of an object that was lost.
    const lost = namesUnsynced(draft.key) ? 1 : 0;
    return Math.max(lost, this.#store.lastDeletedVersion(draft.key.text)) + 1;
  }

  #missing(key: ObjectKey): FlameError {
    const mayBeLost = namesUnsynced(key) && !this.#store.wasDeleted(key.text);
    return mayBeLost ? lost(key) : notFound(key);
  }
}

function planView(
  record: ObjectRecord,
  clientVersion: number,
): Pick<ObjectView, "kind" | "pieces"> {
  const version = versionOf(record);
  if (clientVersion !== 0 && clientVersion === version) return { kind: "unchanged", pieces: [] };
  if (record.base.format === "table") return { kind: "table", pieces: [record.base] };
  if (clientVersion >= record.base.version && clientVersion < version) {
    const newer = record.patches.filter((patch) => patch.version > clientVersion);
    return { kind: "patches", pieces: newer };
  }
  return { kind: "full", pieces: piecesOf(record) };
}

function notFound(key: ObjectKey): FlameError {
  return new FlameError(
    "not_found",
    `no object ${quoted(key.text)} in this cache: it was never put, was deleted, or its session's objects were removed`,
  );
}

function lost(key: ObjectKey): FlameError {
  return new FlameError(
    "not_found",
    `the object ${quoted(key.text)} is lost: it was put with durable=False, and a power cut or a crash of the machine took it ` +
      "(or it was deleted so long ago that nobody knows); put it again",
  );
}

function unexpectedVersion(key: ObjectKey, expected: number, current: number): FlameError {
  const found = current === 0 ? "it does not exist" : `its current version is ${current}`;
  return new FlameError(
    "aborted",
    `the object ${quoted(key.text)} was not changed: expected version ${expected}, ${found}`,
  );
}
