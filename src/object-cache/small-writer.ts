import type { Piece, PieceDraft, PieceWriter } from "./object-store.ts";
import { FilePieceWriter, type PieceWriterHost } from "./piece-writer.ts";
import type { SmallLog } from "./small-log.ts";

/** What a writer of pieces of any size needs of its store. */
export interface SmallWriterHost extends PieceWriterHost {
  /** Where small pieces go. */
  readonly logFor: (durable: boolean) => SmallLog;
  /** Pieces from this size are files of their own. Unit: bytes. */
  readonly fileBytesMin: number;
}

/** What a record has besides the bytes, at least. Unit: bytes. */
const RECORD_BYTES = 128;

/** Keeps what it receives in memory as long as it is small, and writes it to the log; else it is a file. */
export class SmallPieceWriter implements PieceWriter {
  readonly #host: SmallWriterHost;
  readonly #durable: boolean;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #reserved = 0;
  #file: FilePieceWriter | undefined;

  constructor(host: SmallWriterHost, durable: boolean) {
    this.#host = host;
    this.#durable = durable;
  }

  get size(): number {
    return this.#file?.size ?? this.#size;
  }

  async append(chunk: Buffer): Promise<void> {
    if (this.#file === undefined && this.#size + chunk.length < this.#host.fileBytesMin) {
      // The caller may use its buffer again.
      this.#chunks.push(Buffer.from(chunk));
      this.#size += chunk.length;
      return;
    }
    const file = await this.#asFile();
    await file.append(chunk);
  }

  async commit(draft: PieceDraft): Promise<Piece> {
    if (this.#file !== undefined || this.#size >= this.#host.fileBytesMin) {
      return await (await this.#asFile()).commit(draft);
    }
    const bytes = this.#size + draft.key.length + RECORD_BYTES;
    this.#host.reserve(bytes);
    this.#reserved = bytes;
    try {
      const head = { ...draft, durable: this.#durable };
      const log = this.#host.logFor(this.#durable);
      const piece = await log.append(head, Buffer.concat(this.#chunks));
      this.#host.keep(piece.id, bytes);
      this.#reserved = 0;
      return piece;
    } catch (thrown) {
      throw this.#host.explain(thrown);
    }
  }

  async abort(): Promise<void> {
    this.#host.release(this.#reserved);
    this.#reserved = 0;
    await this.#file?.abort();
  }

  async #asFile(): Promise<FilePieceWriter> {
    if (this.#file !== undefined) return this.#file;
    this.#file = new FilePieceWriter(this.#host, this.#durable);
    for (const chunk of this.#chunks.splice(0)) await this.#file.append(chunk);
    return this.#file;
  }
}
