import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";

/** How values travel: as the bytes of a task's input or output, or of a session's common data. */
export interface Codec<T> {
  /** The bytes of a value; undefined: none, which is not the same as no bytes. What it throws fails the submit. */
  encode(value: T): Uint8Array | undefined;
  /** The value of bytes; undefined: there are none. What it throws fails the result. */
  decode(bytes: Buffer | undefined): T;
}

/** The codecs of a session or of a service; client and service have to agree. */
export interface Codecs<In, Out, Common> {
  /** Of the inputs of tasks. @default {@link json} */
  readonly input?: Codec<In>;
  /** Of their outputs. @default {@link json} */
  readonly output?: Codec<Out>;
  /** Of the session's common data. @default {@link json} */
  readonly commonData?: Codec<Common>;
}

/**
 * JSON in UTF-8: the default everywhere. `undefined` travels as no bytes. What JSON has no word for changes on the way as
 * `JSON.stringify` says: a Date becomes text, NaN becomes null, functions are left out.
 */
export function json<T = unknown>(): Codec<T> {
  return { encode: encodeJson, decode: (bytes) => decodeJson(bytes) as T };
}

/** Bytes as they are; undefined travels as none. */
export const bytes: Codec<Uint8Array | undefined> = {
  encode: (value) => value,
  decode: (value) => value,
};

/** Text in UTF-8; no bytes are read as the empty text. */
export const text: Codec<string> = {
  encode: (value) => Buffer.from(value, "utf8"),
  decode: (value) => value?.toString("utf8") ?? "",
};

/** Undefined for functions and symbols, which its declared type does not say. */
const stringify: (value: unknown) => string | undefined = JSON.stringify;

/** @throws FlameError invalid_argument for what JSON cannot say */
function encodeJson(value: unknown): Uint8Array | undefined {
  if (value === undefined) return undefined;
  let written: string | undefined;
  try {
    written = stringify(value);
  } catch (cause) {
    throw notJson(textOf(cause), cause);
  }
  if (written === undefined) throw notJson(`got a ${typeof value}`);
  return Buffer.from(written, "utf8");
}

function notJson(found: string, cause?: unknown): FlameError {
  return new FlameError(
    "invalid_argument",
    `a value cannot be written as JSON: ${found}; hand in what JSON can say, or name another codec in codecs`,
    { cause },
  );
}

/** @throws FlameError invalid_argument for bytes that are no JSON */
function decodeJson(value: Buffer | undefined): unknown {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(value.toString("utf8"));
  } catch (cause) {
    const begin = JSON.stringify(value.toString("utf8", 0, 40));
    throw new FlameError(
      "invalid_argument",
      `got ${value.length} bytes that are no JSON (they begin with ${begin}): the other side writes something else; name its codec in codecs, such as bytes or text`,
      { cause },
    );
  }
}

/** Every codec of a session or service, with the defaults filled in. */
export type AllCodecs<In, Out, Common> = Required<Codecs<In, Out, Common>>;

export function allCodecs<In, Out, Common>(
  codecs: Codecs<In, Out, Common> = {},
): AllCodecs<In, Out, Common> {
  const { input = json<In>(), output = json<Out>(), commonData = json<Common>() } = codecs;
  return { input, output, commonData };
}

/** @param what names the value in the error, such as `the input` */
export function encodeWith<T>(codec: Codec<T>, value: T, what: string): Uint8Array | undefined {
  let encoded: unknown;
  try {
    encoded = codec.encode(value);
  } catch (cause) {
    throw new FlameError("invalid_argument", `${what}: ${textOf(cause)}`, { cause });
  }
  // A compiler that read the program would have told it.
  if (encoded === undefined || encoded instanceof Uint8Array) return encoded;
  throw new FlameError(
    "invalid_argument",
    `${what}: its codec gave ${encoded === null ? "null" : typeof encoded}, expected bytes (a Uint8Array, such as Buffer.from(text)) or undefined`,
  );
}

/** @param what names the value in the error, such as `the output of task 3` */
export function decodeWith<T>(codec: Codec<T>, given: Buffer | undefined, what: string): T {
  try {
    return codec.decode(given);
  } catch (cause) {
    throw new FlameError("invalid_argument", `${what}: ${textOf(cause)}`, { cause });
  }
}
