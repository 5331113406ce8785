import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeFolderDurably } from "../files/durable.ts";
import type { Logger } from "../kit/logger.ts";
import { codeOf, textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { DeletionLog } from "./deletion-log.ts";
import { DirectorySync } from "./directory-sync.ts";
import type {
  Deletion,
  ObjectStore,
  Piece,
  PieceReader,
  PieceWriter,
  StoredObject,
} from "./object-store.ts";
import {
  type DescribedPiece,
  filesAmong,
  isPieceFileName,
  isUnsynced,
  readDescription,
} from "./piece-file.ts";
import { checkContent, FilePieceReader } from "./piece-reader.ts";
import { SmallLog } from "./small-log.ts";
import { SmallPieceWriter, type SmallWriterHost } from "./small-writer.ts";
import { assembleObjects } from "./stored-objects.ts";

export interface DiskStoreDeps {
  readonly logger: Logger;
}

export interface DiskStoreOptions {
  readonly folder: string;
  /** All pieces together; crossing it is RESOURCE_EXHAUSTED. */
  readonly bytesMax: number;
  /** Smaller pieces share files. @default 128 KiB */
  readonly fileBytesMin?: number | undefined;
}

/** Less than what clients of the same user get as a file (protocol/flight/shared-file.ts). */
const FILE_BYTES_MIN = 128 * 1024;

/** Files whose descriptions are read at the same time at start. */
const LOAD_CONCURRENCY = 32;

/**
 * Objects in a folder (docs/object-cache.md, section 6): a piece that was committed survives `kill -9`, and power loss when it
 * is a durable one.
 */
export class DiskStore implements ObjectStore {
  readonly place: string;
  readonly #logger: Logger;
  readonly #bytesMax: number;
  readonly #host: SmallWriterHost;
  /** Of small pieces: those that were synced, and those that were not. */
  readonly #logs: { readonly synced: SmallLog; readonly unsynced: SmallLog };
  readonly #deletions: DeletionLog;
  readonly #fileBytes = new Map<string, number>();
  #usedBytes = 0;

  constructor(deps: DiskStoreDeps, options: DiskStoreOptions) {
    const { folder, bytesMax, fileBytesMin = FILE_BYTES_MIN } = options;
    this.place = folder;
    this.#logger = deps.logger;
    this.#bytesMax = bytesMax;
    this.#deletions = new DeletionLog({
      path: join(folder, "deleted.log"),
      filesNow: () => filesAmong([...this.#fileBytes.keys(), ...this.#smallIds()]),
    });
    const small = join(folder, "small");
    this.#logs = {
      synced: new SmallLog(deps, { folder: small, durable: true }),
      unsynced: new SmallLog(deps, { folder: small, durable: false }),
    };
    const piecesFolder = join(folder, "pieces");
    const names = new DirectorySync(piecesFolder);
    this.#host = {
      logFor: (durable) => (durable ? this.#logs.synced : this.#logs.unsynced),
      fileBytesMin,
      temporaryFolder: join(folder, "tmp"),
      piecesFolder,
      reserve: (bytes) => this.#reserve(bytes),
      release: (bytes) => {
        this.#usedBytes -= bytes;
      },
      syncPieces: () => names.sync(),
      keep: (id, fileBytes) => {
        // A file that was skipped at start may have had this name.
        this.#usedBytes -= this.#fileBytes.get(id) ?? 0;
        this.#fileBytes.set(id, fileBytes);
      },
      explain: (thrown) => this.#explain(thrown),
    };
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  async load(): Promise<StoredObject[]> {
    const { temporaryFolder, piecesFolder } = this.#host;
    // What a crash left half-written was never acknowledged.
    await rm(temporaryFolder, { recursive: true, force: true });
    makeFolderDurably(temporaryFolder, 0o700);
    makeFolderDurably(piecesFolder, 0o700);
    await this.#deletions.load();
    const files = await this.#readDescriptions(await readdir(piecesFolder));
    const found = [...files, ...(await this.#readLogs())];
    const { objects, leftovers, orphans } = assembleObjects(found, (key) =>
      this.#deletions.writtenVersion(key),
    );
    for (const { key, piece } of orphans) {
      this.#skip(piece.id, `its object ${JSON.stringify(key)} has no readable version before it`);
    }
    await this.discard(leftovers.map(({ piece }) => piece));
    await this.#logs.synced.tidy();
    await this.#logs.unsynced.tidy();
    await this.#deletions.compact();
    return objects;
  }

  create(durable: boolean): PieceWriter {
    return new SmallPieceWriter(this.#host, durable);
  }

  async open(piece: Piece): Promise<PieceReader> {
    try {
      const log = this.#logOf(piece.id);
      if (log.has(piece.id)) return await log.open(piece);
      return await FilePieceReader.open(join(this.#host.piecesFolder, piece.id), piece);
    } catch (thrown) {
      throw this.#explain(thrown);
    }
  }

  lastDeletedVersion(key: string): number {
    return this.#deletions.versions.last(key);
  }

  wasDeleted(key: string): boolean {
    return this.#deletions.versions.has(key);
  }

  async recordDeletions(deletions: readonly Deletion[]): Promise<void> {
    try {
      await this.#deletions.add(deletions);
    } catch (thrown) {
      throw this.#explain(thrown);
    }
  }

  async discard(pieces: readonly Piece[]): Promise<void> {
    const isSmall = new Set(pieces.map(({ id }) => id).filter((id) => this.#logOf(id).has(id)));
    await this.#discardSmall([...isSmall]);
    for (const id of isSmall) this.#forget(id);
    for (const { id } of pieces.filter(({ id }) => !isSmall.has(id))) {
      try {
        await rm(join(this.#host.piecesFolder, id), { force: true });
        this.#forget(id);
      } catch (thrown) {
        this.#logger.warn(
          { file: id, reason: textOf(thrown) },
          "cannot remove a replaced object; the next start tries again",
        );
      }
    }
  }

  #forget(id: string): void {
    this.#usedBytes -= this.#fileBytes.get(id) ?? 0;
    this.#fileBytes.delete(id);
  }

  async close(): Promise<void> {
    await this.#logs.synced.close();
    await this.#logs.unsynced.close();
  }

  #logOf(id: string): SmallLog {
    return isUnsynced(id) ? this.#logs.unsynced : this.#logs.synced;
  }

  *#smallIds(): Iterable<string> {
    yield* this.#logs.synced.ids();
    yield* this.#logs.unsynced.ids();
  }

  async #discardSmall(ids: readonly string[]): Promise<void> {
    await this.#logs.synced.discard(ids.filter((id) => !isUnsynced(id)));
    await this.#logs.unsynced.discard(ids.filter(isUnsynced));
  }

  async #readLogs(): Promise<DescribedPiece[]> {
    const pieces: DescribedPiece[] = [];
    const { synced, unsynced } = this.#logs;
    for (const described of [...(await synced.load()), ...(await unsynced.load())]) {
      const { piece, fileBytes } = described;
      if (this.#fileBytes.has(piece.id)) {
        // Of two with one version only the file was acknowledged.
        await this.#discardSmall([piece.id]);
        continue;
      }
      this.#fileBytes.set(piece.id, fileBytes);
      this.#usedBytes += fileBytes;
      pieces.push(described);
    }
    return pieces;
  }

  async #readDescriptions(names: readonly string[]): Promise<DescribedPiece[]> {
    const found: DescribedPiece[] = [];
    const waiting = [...names];
    const work = async (): Promise<void> => {
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
        const described = await this.#describe(name);
        if (described !== undefined) found.push(described);
      }
    };
    await Promise.all(Array.from({ length: LOAD_CONCURRENCY }, work));
    return found;
  }

  async #describe(name: string): Promise<DescribedPiece | undefined> {
    if (!isPieceFileName(name)) {
      this.#skip(name, "its name is not one of the object cache");
      return undefined;
    }
    const path = join(this.#host.piecesFolder, name);
    try {
      const described = await readDescription(path, name);
      if (isUnsynced(name)) await checkContent(path, described.piece);
      this.#fileBytes.set(name, described.fileBytes);
      this.#usedBytes += described.fileBytes;
      return described;
    } catch (thrown) {
      if (isUnsynced(name) && thrown instanceof FlameError) await this.#lose(path, textOf(thrown));
      else this.#skip(name, textOf(thrown));
      return undefined;
    }
  }

  /** Nobody was promised that it is there, and nothing can be made of it. */
  async #lose(file: string, reason: string): Promise<void> {
    this.#logger.warn(
      { file, reason },
      "removed what is left of an object that was put with durable=False: a power cut took the rest",
    );
    await rm(file, { force: true });
  }

  #skip(name: string, reason: string): void {
    this.#logger.warn(
      { file: join(this.#host.piecesFolder, name), reason },
      "skipped a file that is no whole object; remove it when it is not needed",
    );
  }

  #reserve(bytes: number): void {
    if (this.#usedBytes + bytes > this.#bytesMax) {
      throw new FlameError(
        "resource_exhausted",
        `the object cache is full: "${this.place}" holds ${this.#usedBytes} bytes, ${bytes} more pass ` +
          `cache.max_disk of ${this.#bytesMax}; delete objects or raise cache.max_disk`,
      );
    }
    this.#usedBytes += bytes;
  }

  #explain(thrown: unknown): unknown {
    if (thrown instanceof FlameError) return thrown;
    const code = codeOf(thrown);
    const isFull = code === "ENOSPC" || code === "EDQUOT";
    const advice = isFull ? "the disk is full: delete objects or make room" : textOf(thrown);
    return new FlameError(
      isFull ? "resource_exhausted" : "internal",
      `the object cache cannot use its folder "${this.place}": ${advice}`,
      { cause: thrown },
    );
  }
}
