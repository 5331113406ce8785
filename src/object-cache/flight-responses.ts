import { allocateFlightData, flightDataPrefix } from "../protocol/flight/flight-data.ts";
import { responseSchemaHeader } from "../protocol/flight/opaque-headers.ts";
import { frameResponseRow } from "../protocol/flight/opaque-rows.ts";
import { encodeSharedFile, sharedBytesMin } from "../protocol/flight/shared-file.ts";
import { withTableVersion } from "../protocol/flight/table-schema.ts";
import { keptBytesMax } from "./large-buffers.ts";
import type { ObjectCache, ObjectView } from "./object-cache.ts";
import type { Piece, PieceReader } from "./object-store.ts";
import type { OutgoingMessage } from "./outgoing-message.ts";
import { readFrameHead } from "./table-frames.ts";
import type { Transfer } from "./transfer-budget.ts";

/** What a client has said of the answer it takes. */
export interface AnswerForm {
  /** It reads the folder: files are named instead of sent. */
  readonly shared: boolean;
  /** A large row comes as several. */
  readonly split: boolean;
}

/** The bytes of a row of a large one that comes as several: measured, more and fewer are slower. */
const splitRowBytes = 8 * 1024 * 1024;

/** The FlightData messages that answer a get, made one at a time as the client takes them, and when there is room. */
export async function* responseMessages(
  cache: ObjectCache,
  view: ObjectView,
  transfer: Transfer,
  { shared, split }: AnswerForm,
): AsyncGenerator<Buffer | OutgoingMessage, void, undefined> {
  if (view.kind === "table") {
    for (const piece of view.pieces) yield* tableMessages(cache, piece, transfer);
    return;
  }
  yield allocateFlightData(responseSchemaHeader, 0).message;
  for (const piece of view.pieces) {
    if (shared && piece.size >= sharedBytesMin) {
      yield fileMessage(piece);
      continue;
    }
    if (piece.size > keptBytesMax) {
      yield* largeRow(cache, piece, split ? splitRowBytes : piece.size);
      continue;
    }
    await transfer.take(piece.size);
    yield await rowMessage(cache, piece);
  }
}

/** A row without bytes: they are in the file that its metadata names, which never changes. */
function fileMessage(piece: Piece): Buffer {
  const row = frameResponseRow(piece.version, piece.kind, 0);
  const appMetadata = encodeSharedFile({ file: piece.id, size: piece.size, crc32: piece.crc32 });
  const { message, body } = allocateFlightData(row.header, row.bodyBytes, undefined, appMetadata);
  row.writeAround(body);
  return message;
}

/** A row that is never in memory as a whole, or several of at most `rowBytes`; the first of these says the bytes of all. */
async function* largeRow(
  cache: ObjectCache,
  piece: Piece,
  rowBytes: number,
): AsyncGenerator<OutgoingMessage, void, undefined> {
  const reader = await cache.openPiece(piece);
  const read = (part: Buffer): Promise<void> => reader.read(part);
  try {
    for (let left = piece.size; left > 0; left -= rowBytes) {
      const bytes = Math.min(rowBytes, left);
      const row = frameResponseRow(piece.version, piece.kind, bytes);
      const isFirst = left === piece.size && bytes < left;
      const said = isFirst ? encodeSplitRow(piece.size) : undefined;
      const head = flightDataPrefix(row.header, row.bodyBytes, undefined, said);
      const prefix = Buffer.concat([head, row.head]);
      yield { prefix, bytes, suffix: Buffer.alloc(row.tailBytes), read };
    }
  } finally {
    await reader.close();
  }
}

/** What the first of several rows says, which make up one of `size` bytes. */
function encodeSplitRow(size: number): Buffer {
  return Buffer.from(JSON.stringify({ size }));
}

/** Reads the object's bytes straight into their place in the message. */
async function rowMessage(cache: ObjectCache, piece: Piece): Promise<Buffer> {
  const row = frameResponseRow(piece.version, piece.kind, piece.size);
  const { message, body } = allocateFlightData(row.header, row.bodyBytes);
  row.writeAround(body);
  const data = body.subarray(row.dataOffset, row.dataOffset + piece.size);
  await reading(cache, piece, (reader) => reader.read(data));
  cache.remember(piece, data);
  return message;
}

async function* tableMessages(
  cache: ObjectCache,
  piece: Piece,
  transfer: Transfer,
): AsyncGenerator<Buffer | OutgoingMessage, void, undefined> {
  const reader = await cache.openPiece(piece);
  try {
    for (let left = piece.size; left > 0; ) {
      const isSchema = left === piece.size;
      const { header, bodyBytes, frameBytes } = await readFrameHead(reader);
      const sent = isSchema ? withTableVersion(header, piece.version) : header;
      if (bodyBytes > keptBytesMax) {
        const read = (part: Buffer): Promise<void> => reader.read(part);
        const prefix = flightDataPrefix(sent, bodyBytes);
        yield { prefix, bytes: bodyBytes, suffix: Buffer.alloc(0), read };
      } else {
        await transfer.take(bodyBytes);
        const { message, body } = allocateFlightData(sent, bodyBytes);
        await reader.read(body);
        yield message;
      }
      left -= frameBytes;
    }
  } finally {
    await reader.close();
  }
}

/** The schema of a stored table as it is handed out; undefined for an opaque object. */
export async function tableSchema(cache: ObjectCache, piece: Piece): Promise<Buffer | undefined> {
  if (piece.format !== "table") return undefined;
  const { header } = await reading(cache, piece, readFrameHead);
  return withTableVersion(header, piece.version);
}

async function reading<T>(
  cache: ObjectCache,
  piece: Piece,
  action: (reader: PieceReader) => Promise<T>,
): Promise<T> {
  const reader = await cache.openPiece(piece);
  try {
    return await action(reader);
  } finally {
    await reader.close();
  }
}
