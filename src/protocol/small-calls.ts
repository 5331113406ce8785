/**
 * Puts and gets of small objects on a unix socket in the cache's folder (docs/object-cache.md, section 12). Each message stands
 * behind its length, as protocol/frames.ts has it; numbers are big-endian.
 */

/** The socket's name in the folder. */
export const smallSocket = "small.sock";

/** Larger objects take a call of Arrow Flight. Unit: bytes. */
export const smallCallBytesMax = 16 * 1024;

/** A request has a key besides. Unit: bytes. */
export const smallRequestBytesMax = smallCallBytesMax + 8 * 1024;

const PUT = 1;
const GET = 2;
const PUT_UNSYNCED = 3;

const ANSWERS = { byCall: 0, put: 1, unchanged: 2, full: 3 } as const;

const NUMBER_BYTES = 4;
const HEAD_BYTES = NUMBER_BYTES + 1 + 2;
const VERSION_BYTES = 8;
const LENGTH_BYTES = 4;

export type SmallRequest = {
  readonly number: number;
  readonly path: string;
} /** `durable`: whether the object is to outlive a power cut. */ & (
  | { readonly kind: "put"; readonly durable: boolean; readonly data: Buffer }
  /** `version`: what the client holds, 0: nothing. */
  | { readonly kind: "get"; readonly version: number }
);

export type SmallAnswer =
  /** Not here: a call of Arrow Flight does it, or says what is wrong. */
  | { readonly kind: "byCall" }
  | { readonly kind: "put"; readonly ref: Buffer }
  | { readonly kind: "unchanged" }
  | { readonly kind: "full"; readonly version: number; readonly data: Buffer };

/** @returns undefined for what is no request. */
export function decodeSmallRequest(message: Buffer): SmallRequest | undefined {
  if (message.length < HEAD_BYTES) return undefined;
  const number = message.readUInt32BE(0);
  const kind = message.readUInt8(NUMBER_BYTES);
  const end = HEAD_BYTES + message.readUInt16BE(NUMBER_BYTES + 1);
  if (message.length < end) return undefined;
  const path = message.toString("utf8", HEAD_BYTES, end);
  const rest = message.subarray(end);
  if ((kind === PUT || kind === PUT_UNSYNCED) && rest.length <= smallCallBytesMax) {
    return { number, path, kind: "put", durable: kind === PUT, data: rest };
  }
  if (kind !== GET || rest.length !== VERSION_BYTES) return undefined;
  const version = Number(rest.readBigUInt64BE());
  return Number.isSafeInteger(version) ? { number, path, kind: "get", version } : undefined;
}

/** The answer behind its length. */
export function smallAnswerFrame(number: number, answer: SmallAnswer): Buffer {
  const rest = restOf(answer);
  const head = Buffer.alloc(LENGTH_BYTES + NUMBER_BYTES + 1);
  head.writeUInt32BE(NUMBER_BYTES + 1 + rest.length, 0);
  head.writeUInt32BE(number, LENGTH_BYTES);
  head.writeUInt8(ANSWERS[answer.kind], LENGTH_BYTES + NUMBER_BYTES);
  return Buffer.concat([head, rest]);
}

function restOf(answer: SmallAnswer): Buffer {
  switch (answer.kind) {
    case "put":
      return answer.ref;
    case "full": {
      const version = Buffer.alloc(VERSION_BYTES);
      version.writeBigUInt64BE(BigInt(answer.version));
      return Buffer.concat([version, answer.data]);
    }
    case "byCall":
    case "unchanged":
      return Buffer.alloc(0);
    default:
      return answer satisfies never;
  }
}
