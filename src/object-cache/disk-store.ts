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
import { type DescribedPiece, filesAmong, isPieceFileName, readDescription } from "./piece-file.ts";
import { FilePieceReader } from "./piece-reader.ts";
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

/** Objects in a folder (docs/object-cache.md, section 6): a piece that was committed survives `kill -9` and power loss. */
export class DiskStore implements ObjectStore {
  readonly place: string;
  readonly #logger: Logger;
  readonly #bytesMax: number;
  readonly #host: SmallWriterHost;
  readonly #log: SmallLog;
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
      filesNow: () => filesAmong([...this.#fileBytes.keys(), ...this.#log.ids()]),
    });
    this.#log = new SmallLog(deps, join(folder, "small"));
    const piecesFolder = join(folder, "pieces");
    const names = new DirectorySync(piecesFolder);
    this.#host = {
      log: this.#log,
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
    await this.#log.tidy();
    await this.#deletions.compact();
    return objects;
  }

  create(): PieceWriter {
    return new SmallPieceWriter(this.#host);
  }

  async open(piece: Piece): Promise<PieceReader> {
    try {
      if (this.#log.has(piece.id)) return await this.#log.open(piece);
      return await FilePieceReader.open(join(this.#host.piecesFolder, piece.id), piece);
    } catch (thrown) {
      throw this.#explain(thrown);
    }
  }

  lastDeletedVersion(key: string): number {
    return this.#deletions.versions.last(key);
  }

  async recordDeletions(deletions: readonly Deletion[]): Promise<void> {
    try {
      await this.#deletions.add(deletions);
    } catch (thrown) {
      throw this.#explain(thrown);
    }
  }

  async discard(pieces: readonly Piece[]): Promise<void> {
    const isSmall = new Set(pieces.map(({ id }) => id).filter((id) => this.#log.has(id)));
    await this.#log.discard([...isSmall]);
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
    await this.#log.close();
  }

  async #readLogs(): Promise<DescribedPiece[]> {
    const pieces: DescribedPiece[] = [];
    for (const described of await this.#log.load()) {
      const { piece, fileBytes } = described;
      if (this.#fileBytes.has(piece.id)) {
        // Of two with one version only the file was acknowledged.
        await this.#log.discard([piece.id]);
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
    try {
      const described = await readDescription(join(this.#host.piecesFolder, name), name);
      this.#fileBytes.set(name, described.fileBytes);
      this.#usedBytes += described.fileBytes;
      return described;
    } catch (thrown) {
      this.#skip(name, textOf(thrown));
      return undefined;
    }
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
