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
import { FilePieceWriter, type PieceWriterHost } from "./piece-writer.ts";
import { assembleObjects } from "./stored-objects.ts";

export interface DiskStoreDeps {
  readonly logger: Logger;
}

/** Files whose descriptions are read at the same time at start. */
const LOAD_CONCURRENCY = 32;

/** Objects in a folder (docs/object-cache.md, section 6): a piece that was committed survives `kill -9` and power loss. */
export class DiskStore implements ObjectStore {
  readonly place: string;
  readonly #logger: Logger;
  readonly #bytesMax: number;
  readonly #host: PieceWriterHost;
  readonly #deletions: DeletionLog;
  readonly #fileBytes = new Map<string, number>();
  #usedBytes = 0;

  /** @param bytesMax all files together; crossing it is RESOURCE_EXHAUSTED. */
  constructor(deps: DiskStoreDeps, folder: string, bytesMax: number) {
    this.place = folder;
    this.#logger = deps.logger;
    this.#bytesMax = bytesMax;
    this.#deletions = new DeletionLog({
      path: join(folder, "deleted.log"),
      filesNow: () => filesAmong(this.#fileBytes.keys()),
    });
    const piecesFolder = join(folder, "pieces");
    const names = new DirectorySync(piecesFolder);
    this.#host = {
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
    const found = await this.#readDescriptions(await readdir(piecesFolder));
    const { objects, leftovers, orphans } = assembleObjects(found, (key) =>
      this.#deletions.writtenVersion(key),
    );
    for (const { key, piece } of orphans) {
      this.#skip(piece.id, `its object ${JSON.stringify(key)} has no readable version before it`);
    }
    await this.discard(leftovers.map(({ piece }) => piece));
    await this.#deletions.compact();
    return objects;
  }

  create(): PieceWriter {
    return new FilePieceWriter(this.#host);
  }

  async open(piece: Piece): Promise<PieceReader> {
    try {
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
    for (const piece of pieces) {
      try {
        await rm(join(this.#host.piecesFolder, piece.id), { force: true });
        this.#usedBytes -= this.#fileBytes.get(piece.id) ?? 0;
        this.#fileBytes.delete(piece.id);
      } catch (thrown) {
        this.#logger.warn(
          { file: piece.id, reason: textOf(thrown) },
          "cannot remove a replaced object; the next start tries again",
        );
      }
    }
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
