import { FlameError } from "../model/errors.ts";
import type {
  CloseOptions,
  ConnectOptions,
  MapOptions,
  OpenOptions,
  SessionOptions,
} from "./client-types.ts";

// What programs in plain JavaScript hand in was read by no compiler: what is wrong with it is told here, before it means
// something else, or nothing, further on.

/** Says what is expected in the place of a value; undefined: it may be one. */
type Check = (value: unknown) => string | undefined;
type Checks<Options> = Readonly<Record<keyof Options, Check>>;

/** Read by whoever uses it. */
const read: Check = () => undefined;
const typed =
  (type: "string" | "number" | "boolean" | "function", expected: string): Check =>
  (value) =>
    typeof value === type ? undefined : expected;
const text = typed("string", "a text");
const number = typed("number", "a number");
const yesOrNo = typed("boolean", "true or false");
const ofFunction = typed("function", "a function");
const name: Check = (value) => (value === "" ? "a text that is not empty" : text(value));
const object: Check = (value) => (isObject(value) ? undefined : "an object");
const texts: Check = (value) =>
  Array.isArray(value) && value.every((each) => typeof each === "string")
    ? undefined
    : 'an array of texts, such as ["numpy>=2"]';
const signal: Check = (value) =>
  isObject(value) && "aborted" in value && "addEventListener" in value
    ? undefined
    : "an AbortSignal, such as AbortSignal.timeout(1_000) or the signal of an AbortController";
const codec: Check = (value) =>
  isObject(value) && typeof value["encode"] === "function" && typeof value["decode"] === "function"
    ? undefined
    : "a codec: bytes, text, json(), or an object with the functions encode and decode";

const connectChecks: Checks<ConnectOptions> = {
  endpoint: text,
  cacheEndpoint: text,
  configFile: text,
  callTimeoutMs: number,
  objectTimeoutMs: number,
  reconnectTimeoutMs: number,
  onPutOff: ofFunction,
  caFile: text,
  rootsFile: text,
  certFile: text,
  keyFile: text,
  tokenFile: text,
  contents: read,
};
const openChecks: Checks<OpenOptions<unknown, unknown>> = { codecs: object, logs: read };
const sessionChecks: Checks<SessionOptions<unknown, unknown, unknown>> = {
  ...openChecks,
  application: name,
  id: name,
  keep: yesOrNo,
  commonData: read,
  minInstances: number,
  maxInstances: number,
  priority: number,
  resreq: object,
  packages: texts,
};
const codecChecks = { input: codec, output: codec, commonData: codec };
const mapChecks: Checks<MapOptions> = {
  signal,
  cancelTasks: yesOrNo,
  timeoutMs: number,
  concurrency: number,
};
const closeChecks: Checks<CloseOptions> = { force: yesOrNo };

/** @throws FlameError invalid_argument, as all of these */
export function checkConnect(options: unknown): void {
  check("connect", options, connectChecks);
}

export function checkSession(options: unknown): void {
  check("createSession", options, sessionChecks);
  const { application, codecs } = options as Readonly<Record<string, unknown>>;
  const expected = name(application);
  if (expected !== undefined) throw wrong("createSession: application", application, expected);
  if (codecs !== undefined) check("createSession: codecs", codecs, codecChecks);
}

export function checkOpen(id: unknown, options: unknown): void {
  const expected = name(id);
  if (expected !== undefined) throw wrong("openSession: id", id, expected);
  check("openSession", options, openChecks);
  const { codecs } = options as OpenOptions<unknown, unknown>;
  if (codecs !== undefined) check("openSession: codecs", codecs, codecChecks);
}

/** @param call such as `map` */
export function checkTasks(call: string, inputs: unknown, options: unknown): void {
  const given = Object(inputs) as object;
  if (!(Symbol.asyncIterator in given || Symbol.iterator in given))
    throw wrong(`${call}: inputs`, inputs, "an Iterable or an AsyncIterable, such as an array");
  checkWait(call, options);
}

/** For what waits for tasks, or submits them. */
export function checkWait(call: string, options: unknown): void {
  check(call, options, mapChecks);
}

export function checkClose(options: unknown): void {
  check("close", options, closeChecks);
}

function check(call: string, options: unknown, checks: Readonly<Record<string, Check>>): void {
  if (!isObject(options)) throw wrong(call, options, "an object of options");
  for (const [key, value] of Object.entries(options)) {
    const checked = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (checked === undefined)
      throw new FlameError(
        "invalid_argument",
        `${call}: got the unknown option "${key}", expected one of ${Object.keys(checks).join(", ")}`,
      );
    const expected = value === undefined ? undefined : checked(value);
    if (expected !== undefined) throw wrong(`${call}: ${key}`, value, expected);
  }
}

function wrong(what: string, got: unknown, expected: string): FlameError {
  return new FlameError("invalid_argument", `${what}: got ${shown(got)}, expected ${expected}`);
}

/** Short, and without what the value holds. */
function shown(value: unknown): string {
  if (typeof value === "string") return value === "" ? "an empty text" : "a text";
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
