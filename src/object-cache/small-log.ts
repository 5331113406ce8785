import { type FileHandle, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeFolderDurably, syncNames } from "../files/durable.ts";
import type { Logger } from "../kit/logger.ts";
import { codeOf, textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import type { Piece, PieceHead } from "./object-store.ts";
import type { DescribedPiece } from "./piece-file.ts";
import { FilePieceReader } from "./piece-reader.ts";
import { readRecords, recordOf, type SmallRecord } from "./small-record.ts";

/** A log that has so much gets no more. Unit: bytes. */
const LOG_BYTES = 8 * 1024 * 1024;
/** A log of which less than this part is still used is written to the newest one, and removed. */
const USED_MIN = 1 / 4;
/** A log of an earlier start that has less is joined with others. Unit: bytes. */
const JOINED_BELOW_BYTES = LOG_BYTES / 2;

export interface SmallLogOptions {
  readonly folder: string;
  /**
   * Whether what was appended outlives a power cut. Records that need not have logs of their own: they wait for no sync, and
   * what a power cut makes of them stands before no record that was synced.
   */
  readonly durable: boolean;
}

const LOG_NUMBER = /^\d{8}/;
const LEFT_BY_CRASH = "a crash leaves one of puts that were not acknowledged";
const LEFT_BY_POWER_CUT = "a power cut takes objects that were put with durable=False";

/** One file of records. */
interface Log {
  readonly path: string;
  /** The pieces that it has, those included that nobody needs any more. */
  readonly ids: Set<string>;
  bytes: number;
  usedBytes: number;
  isMoving: boolean;
  /** A part of it is damaged that was acknowledged, or may have been: it is not removed. */
  isKept: boolean;
}

/** Where a piece is. */
interface Place {
  readonly log: Log;
  /** Where in the log its bytes begin. */
  readonly at: number;
  /** Of its record. */
  readonly bytes: number;
}

interface Waiting {
  readonly record: SmallRecord;
  readonly done: (place: Place) => void;
  readonly failed: (thrown: unknown) => void;
}

/**
 * Small pieces, one behind the other in few files (docs/object-cache.md, section 6). Those that come while others are brought to
 * the disk share the next write and its sync: a file for each would take two syncs of its own.
 */
export class SmallLog {
  readonly #folder: string;
  readonly #durable: boolean;
  readonly #ending: string;
  readonly #logger: Logger;
  readonly #logs = new Set<Log>();
  readonly #places = new Map<string, Place>();
  readonly #waiting: Waiting[] = [];
  #isWriting = false;
  /** What is being written, and all that waited meanwhile. Never rejects. */
  #writing: Promise<void> = Promise.resolve();
  #isClosed = false;
  #newest: { readonly log: Log; readonly file: FileHandle } | undefined;
  #number = 0;

  constructor(deps: { readonly logger: Logger }, { folder, durable }: SmallLogOptions) {
    this.#folder = folder;
    this.#durable = durable;
    this.#ending = durable ? ".log" : ".unsynced";
    this.#logger = deps.logger;
  }

  /** Every piece that has a record, also one that nobody needs any more. */
  *ids(): Iterable<string> {
    for (const { ids } of this.#logs) yield* ids;
  }

  has(id: string): boolean {
    return this.#places.has(id);
  }

  /**
   * Reads the logs. What a crash left of the last write was never acknowledged: a log of an earlier start gets no more.
   * @returns the pieces, of those with the same id the newest; to be followed by {@link tidy}.
   */
  async load(): Promise<DescribedPiece[]> {
    makeFolderDurably(this.#folder, 0o700);
    const found = new Map<string, DescribedPiece>();
    for (const name of (await readdir(this.#folder)).toSorted()) {
      const number = LOG_NUMBER.exec(name)?.[0];
      if (number === undefined || name !== `${number}${this.#ending}`) continue;
      this.#number = Math.max(this.#number, Number(number));
      const log = this.#logAt(name);
      const { records, soundBytes, mayHaveMore, fileBytes } = await readRecords(log.path);
      log.isKept = mayHaveMore && this.#durable;
      if (soundBytes < fileBytes) {
        this.#logger.warn(
          { file: log.path, byte: soundBytes, bytes: fileBytes },
          `skipped a part of a log of small objects that is no whole record; ${this.#durable ? LEFT_BY_CRASH : LEFT_BY_POWER_CUT}`,
        );
      }
      for (const { key, piece, at, bytes } of records) {
        log.bytes += bytes;
        this.#place(piece.id, { log, at, bytes });
        found.set(piece.id, { key, piece, fileBytes: bytes });
      }
    }
    return [...found.values()];
  }

  /** Removes logs that are not needed, and joins small ones. */
  async tidy(): Promise<void> {
    const isSmall = (log: Log): boolean => log.bytes < JOINED_BELOW_BYTES;
    const logs = [...this.#logs];
    const joins = logs.filter(isSmall).length > 1;
    for (const log of logs) {
      if (joins && isSmall(log)) await this.#move(log);
      else await this.#moveIfUnused(log);
    }
  }

  /** Durable when it resolves, in a log that is; else written, so that it outlives the process. */
  async append(head: PieceHead, data: Buffer): Promise<Piece> {
    const record = recordOf(head, data);
    this.#place(record.piece.id, await this.#written(record));
    return record.piece;
  }

  async open(piece: Piece): Promise<FilePieceReader> {
    for (;;) {
      const place = this.#places.get(piece.id);
      if (place === undefined) throw new Error(`no small object ${piece.id}`);
      try {
        return await FilePieceReader.open(place.log.path, piece, place.at);
      } catch (thrown) {
        // It may have moved to another log meanwhile.
        if (codeOf(thrown) !== "ENOENT" || this.#places.get(piece.id) === place) throw thrown;
      }
    }
  }

  /** Gives up pieces; a log goes when little else is in it. */
  async discard(ids: readonly string[]): Promise<void> {
    const touched = new Set<Log>();
    for (const id of ids) {
      const place = this.#places.get(id);
      if (place === undefined) continue;
      this.#places.delete(id);
      place.log.usedBytes -= place.bytes;
      touched.add(place.log);
    }
    for (const log of touched) await this.#moveIfUnused(log);
  }

  /** Waits for what is being written; nothing is from now on: the folder may be another cache's afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
    await this.#closeNewest();
  }

  async #closeNewest(): Promise<void> {
    const newest = this.#newest;
    this.#newest = undefined;
    await newest?.file.close();
  }

  #logAt(name: string): Log {
    const path = join(this.#folder, name);
    const log = {
      path,
      ids: new Set<string>(),
      bytes: 0,
      usedBytes: 0,
      isMoving: false,
      isKept: false,
    };
    this.#logs.add(log);
    return log;
  }

  #place(id: string, place: Place): void {
    const before = this.#places.get(id);
    if (before !== undefined) before.log.usedBytes -= before.bytes;
    place.log.usedBytes += place.bytes;
    place.log.ids.add(id);
    this.#places.set(id, place);
  }

  #written(record: SmallRecord): Promise<Place> {
    if (this.#isClosed) {
      const text = "the object cache is being stopped, nothing was stored: put the object again";
      return Promise.reject(new FlameError("unavailable", text));
    }
    return new Promise((done, failed) => {
      this.#waiting.push({ record, done, failed });
      if (!this.#isWriting) this.#writing = this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.#write(batch);
      } catch (thrown) {
        for (const { failed } of batch) failed(thrown);
      }
    }
    this.#isWriting = false;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const { log, file } = await this.#room();
    const start = log.bytes;
    try {
      await file.writeFile(Buffer.concat(batch.flatMap(({ record }) => record.parts)));
      if (this.#durable) {
        await file.datasync();
        if (start === 0) await syncNames(this.#folder);
      }
    } catch (thrown) {
      await this.#abandon(start);
      throw thrown;
    }
    for (const { record, done } of batch) {
      done({ log, at: log.bytes + record.dataOffset, bytes: record.bytes });
      log.bytes += record.bytes;
    }
  }

  async #room(): Promise<{ readonly log: Log; readonly file: FileHandle }> {
    if (this.#newest !== undefined && this.#newest.log.bytes < LOG_BYTES) return this.#newest;
    await this.#closeNewest();
    const name = `${String(++this.#number).padStart(8, "0")}${this.#ending}`;
    const file = await open(join(this.#folder, name), "wx", 0o600);
    this.#newest = { log: this.#logAt(name), file };
    return this.#newest;
  }

  /** What a failed write left must not stand before what is written later. */
  async #abandon(bytes: number): Promise<void> {
    const { log, file } = this.#newest ?? {};
    this.#newest = undefined;
    try {
      await file?.truncate(bytes);
    } catch {
      // A disk that does not even that: the next start reads up to there, and newer records count more.
    }
    await file?.close().catch(() => undefined);
    // One that is left is empty, or has what was acknowledged before.
    if (log !== undefined && log.bytes === 0) await this.#remove(log).catch(() => undefined);
  }

  async #moveIfUnused(log: Log): Promise<void> {
    if (log === this.#newest?.log) return;
    if (log.usedBytes > 0 && log.usedBytes >= log.bytes * USED_MIN) return;
    await this.#move(log);
  }

  /** Writes what is still used of a log to the newest one, and removes it. */
  async #move(log: Log): Promise<void> {
    if (log.isMoving || log.isKept) return;
    log.isMoving = true;
    try {
      const { records } = await readRecords(log.path);
      const used = records.filter(({ piece, at }) => this.#isAt(piece.id, log, at));
      if (used.reduce((sum, { bytes }) => sum + bytes, 0) < log.usedBytes) {
        // Its pieces are known: each that is not damaged itself can still be read.
        log.isKept = true;
        log.isMoving = false;
        this.#logger.warn(
          { file: log.path },
          "keeps a log of small objects of which a part is damaged",
        );
        return;
      }
      await Promise.all(
        used.map(async ({ key, piece, at, data }) => {
          const place = await this.#written(recordOf({ ...piece, key }, data));
          place.log.ids.add(piece.id);
          // Nobody needs it when it was discarded meanwhile.
          if (this.#isAt(piece.id, log, at)) this.#place(piece.id, place);
        }),
      );
      await this.#remove(log);
    } catch (thrown) {
      // Everything is where it was, or in both; it is tried again with the next discarded piece.
      this.#logger.warn(
        { file: log.path, reason: textOf(thrown) },
        "cannot write a log of small objects anew",
      );
      log.isMoving = false;
    }
  }

  #isAt(id: string, log: Log, at: number): boolean {
    const place = this.#places.get(id);
    return place !== undefined && place.log === log && place.at === at;
  }

  /** Its pieces count as there until its name is surely gone. */
  async #remove(log: Log): Promise<void> {
    await rm(log.path, { force: true });
    await syncNames(this.#folder);
    this.#logs.delete(log);
  }
}
