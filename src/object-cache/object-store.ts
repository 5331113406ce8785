/** How the bytes of a piece are to be read. */
export type PieceFormat = "opaque" | "table";

/** One stored run of bytes: an object as it was put, or a patch on top of it. Never changes once stored. */
export interface Piece {
  /** Names the piece within its store, and in the memory cache. */
  readonly id: string;
  readonly kind: "base" | "patch";
  readonly format: PieceFormat;
  readonly version: number;
  /** Unit: bytes. */
  readonly size: number;
  readonly crc32: number;
  /** False: it was acknowledged without a sync, and a power cut may take it. */
  readonly durable: boolean;
}

/** What becomes of the bytes of a writer when they are committed. */
export interface PieceDraft {
  readonly key: string;
  readonly kind: "base" | "patch";
  readonly format: PieceFormat;
  readonly version: number;
}

/** A draft, and what its writer knows of it. */
export type PieceHead = PieceDraft & Pick<Piece, "durable">;

/** Receives the bytes of one piece; nothing of it is visible before `commit`. */
export interface PieceWriter {
  /** Bytes received so far. */
  readonly size: number;
  /**
   * Takes the bytes over: a large chunk may be empty afterwards (see large-buffers.ts).
   * @throws FlameError resource_exhausted when the store's limit, or the disk, does not hold them.
   */
  append(chunk: Buffer): Promise<void>;
  /** Makes the piece durable, as far as the store and the piece are. The writer must not be used afterwards. */
  commit(draft: PieceDraft): Promise<Piece>;
  /** Gives back what was received. Idempotent; harmless after `commit`. */
  abort(): Promise<void>;
}

/** Reads one piece from its beginning to its end. */
export interface PieceReader {
  /**
   * Fills the whole of `target` with the next bytes.
   * @throws FlameError internal when the piece is damaged or ends before.
   */
  read(target: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** What a store remembers of a key across restarts. */
export interface StoredObject {
  readonly key: string;
  readonly base: Piece;
  /** Ascending, without gaps, beginning at the base's version + 1. */
  readonly patches: readonly Piece[];
}

/** A deleted key and the last version it had. */
export interface Deletion {
  readonly key: string;
  readonly version: number;
}

/** Where the bytes of objects live: a folder, or memory. */
export interface ObjectStore {
  /** Where it is, for log lines. */
  readonly place: string;
  /** Bytes in use, those being received included. */
  readonly usedBytes: number;
  /** What earlier runs acknowledged. Called once, before everything else. */
  load(): Promise<StoredObject[]>;
  /** @param durable whether what is committed outlives a power cut; else it outlives the process, where the store does */
  create(durable: boolean): PieceWriter;
  open(piece: Piece): Promise<PieceReader>;
  /** The last version of a key that was deleted, so that its next object counts on; 0 when it never was. */
  lastDeletedVersion(key: string): number;
  /** Whether the key is one of those remembered as deleted; the oldest are not. */
  wasDeleted(key: string): boolean;
  /** Remembers, durably, that these keys are deleted; their pieces are discarded by the caller afterwards. */
  recordDeletions(deletions: readonly Deletion[]): Promise<void>;
  /** Frees pieces that nothing refers to any more. A failure is logged: the next start frees them. */
  discard(pieces: readonly Piece[]): Promise<void>;
  /** Gives back what it holds open. */
  close(): Promise<void>;
}
