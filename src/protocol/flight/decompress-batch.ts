import type { Decompress } from "fzstd";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import type { IpcMessage } from "./ipc-message.ts";

type Batch = IpcMessage & { readonly kind: "batch" };

/** A batch whose buffers are as they were before they were compressed. */
interface PlainBatch {
  readonly message: Batch;
  readonly body: Buffer;
}

/** Each compressed buffer begins with its uncompressed length; this one says that it was left as it is. */
const LEFT_AS_IT_IS = -1n;
const LENGTH_BYTES = 8;
/** Arrow aligns buffers to so many bytes. */
const ALIGNMENT = 8;
/** Uncompressed bytes of one batch. */
const BATCH_BYTES_MAX = 2 ** 31;

/**
 * A batch without the compression that Arrow IPC has for single buffers: the published object cache answers with ZSTD. The
 * decompressor is loaded by the first batch that needs it, and no answer of our own cache does.
 * @throws FlameError invalid_argument for another compression, internal for a buffer that is not what it says
 */
export async function decompressed(message: Batch, body: Buffer): Promise<PlainBatch> {
  if (message.compression === "none") return { message, body };
  if (message.compression !== "zstd") {
    const text = `the record batch is compressed with ${message.compression}, expected ZSTD or nothing`;
    throw new FlameError("invalid_argument", text);
  }
  const { Decompress } = await import("fzstd");
  const sources = message.buffers.map(([offset, length], index) =>
    sourceOf(body, { offset, length, index }),
  );
  const bytes = sources.reduce((sum, source) => sum + aligned(source.bytes), 0);
  if (bytes > BATCH_BYTES_MAX) throw unreadable(`it has ${bytes} bytes uncompressed`);
  const plain = Buffer.alloc(bytes);
  let at = 0;
  const buffers = sources.map((source, index) => {
    const place = plain.subarray(at, at + source.bytes);
    if (!source.isCompressed) source.data.copy(place);
    else inflate(Decompress, source.data, { place, index });
    const described = [at, source.bytes] as const;
    at += aligned(source.bytes);
    return described;
  });
  return { message: { ...message, compression: "none", buffers }, body: plain };
}

interface Source {
  readonly data: Buffer;
  /** Uncompressed. */
  readonly bytes: number;
  readonly isCompressed: boolean;
}

function sourceOf(
  body: Buffer,
  { offset, length, index }: { offset: number; length: number; index: number },
): Source {
  if (offset + length > body.length)
    throw unreadable(`buffer ${index} ends at byte ${offset + length} of ${body.length}`);
  const buffer = body.subarray(offset, offset + length);
  if (length === 0) return { data: buffer, bytes: 0, isCompressed: false };
  if (length < LENGTH_BYTES) throw unreadable(`buffer ${index} has no room for its length`);
  const data = buffer.subarray(LENGTH_BYTES);
  const told = buffer.readBigInt64LE(0);
  if (told === LEFT_AS_IT_IS) return { data, bytes: data.length, isCompressed: false };
  if (told < 0n || told > BigInt(BATCH_BYTES_MAX))
    throw unreadable(`buffer ${index} says that it has ${told} bytes`);
  return { data, bytes: Number(told), isCompressed: told > 0n };
}

/** Piece by piece: what comes out is counted before it is kept, whatever the frame says of itself. */
function inflate(
  Decompressor: typeof Decompress,
  data: Buffer,
  { place, index }: { place: Buffer; index: number },
): void {
  let bytes = 0;
  try {
    const decompressor = new Decompressor((piece) => {
      bytes += piece.length;
      if (bytes > place.length) throw new RangeError(`it has more than ${place.length} bytes`);
      place.set(piece, bytes - piece.length);
    });
    decompressor.push(data, true);
  } catch (thrown) {
    throw unreadable(`buffer ${index} cannot be decompressed: ${textOf(thrown)}`);
  }
  if (bytes === place.length) return;
  throw unreadable(`buffer ${index} has ${bytes} bytes and says that it has ${place.length}`);
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function unreadable(why: string): FlameError {
  return new FlameError("internal", `unreadable compressed record batch: ${why}`);
}
