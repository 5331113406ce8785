/**
 * Puts and gets of small objects on a unix socket in the cache's folder (docs/object-cache.md, section 12). Each message stands
 * behind its length, as protocol/frames.ts has it; numbers are big-endian.
 */

/** The socket's name in the folder. */
export const smallSocket = "small.sock";

/** Longer paths of a socket are cut by the operating system. Unit: bytes. */
export const socketPathBytesMax = 107;

/** Larger objects take a call of Arrow Flight. Unit: bytes. */
export const smallCallBytesMax = 16 * 1024;

/** A request has a key besides. Unit: bytes. */
export const smallRequestBytesMax = smallCallBytesMax + 8 * 1024;

/** An answer has a reference, or a version besides the bytes. Unit: bytes. */
export const smallAnswerBytesMax = smallCallBytesMax + 8 * 1024;

/** Longer paths do not fit into a request. Unit: bytes. */
export const smallPathBytesMax = 8 * 1024 - 64;

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

/** The request behind its length. @param request whose path has at most {@link smallPathBytesMax} */
export function smallRequestFrame(request: SmallRequest): Buffer {
  const path = Buffer.from(request.path);
  const rest = request.kind === "put" ? request.data : versionBytes(request.version);
  const head = Buffer.allocUnsafe(LENGTH_BYTES + HEAD_BYTES);
  head.writeUInt32BE(HEAD_BYTES + path.length + rest.length, 0);
  head.writeUInt32BE(request.number, LENGTH_BYTES);
  head.writeUInt8(kindOf(request), LENGTH_BYTES + NUMBER_BYTES);
  head.writeUInt16BE(path.length, LENGTH_BYTES + NUMBER_BYTES + 1);
  return Buffer.concat([head, path, rest]);
}

function kindOf(request: SmallRequest): number {
  if (request.kind === "get") return GET;
  return request.durable ? PUT : PUT_UNSYNCED;
}

/** @returns undefined for what is no answer. */
export function decodeSmallAnswer(
  message: Buffer,
): { readonly number: number; readonly answer: SmallAnswer } | undefined {
  if (message.length <= NUMBER_BYTES) return undefined;
  const answer = readAnswer(message.readUInt8(NUMBER_BYTES), message.subarray(NUMBER_BYTES + 1));
  return answer === undefined ? undefined : { number: message.readUInt32BE(0), answer };
}

function readAnswer(status: number, rest: Buffer): SmallAnswer | undefined {
  switch (status) {
    case ANSWERS.byCall:
      return { kind: "byCall" };
    case ANSWERS.put:
      return { kind: "put", ref: rest };
    case ANSWERS.unchanged:
      return { kind: "unchanged" };
    case ANSWERS.full: {
      if (rest.length < VERSION_BYTES) return undefined;
      const version = Number(rest.readBigUInt64BE());
      return { kind: "full", version, data: rest.subarray(VERSION_BYTES) };
    }
    default:
      return undefined;
  }
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
    case "full":
      return Buffer.concat([versionBytes(answer.version), answer.data]);
    case "byCall":
    case "unchanged":
      return Buffer.alloc(0);
    default:
      return answer satisfies never;
  }
}

function versionBytes(version: number): Buffer {
  const bytes = Buffer.allocUnsafe(VERSION_BYTES);
  bytes.writeBigUInt64BE(BigInt(version));
  return bytes;
}
