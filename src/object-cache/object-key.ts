import { FlameError } from "../model/errors.ts";

/** `<app>/<session>/<object>`, checked. */
export interface ObjectKey {
  /** The whole text. */
  readonly text: string;
  /** `<app>/<session>`: the unit in which objects are deleted. */
  readonly prefix: string;
}

/** What a delete takes: one object, the objects of a session, or those of all sessions of an application. */
export type DeleteTarget =
  | { readonly kind: "object"; readonly key: ObjectKey }
  | { readonly kind: "session"; readonly prefix: string }
  | { readonly kind: "application"; readonly app: string };

/** Longest accepted key. Unit: bytes of UTF-8. */
export const keyBytesMax = 4096;

const WILDCARD = "*";
const ACCEPTED = '"<app>/<session>/<object>"';

/**
 * A key of three parts (docs/object-cache.md, section 1).
 * @throws FlameError invalid_argument naming the key and the part that is wrong.
 */
export function parseObjectKey(text: string): ObjectKey {
  const [app, session, object, ...more] = checkedParts(text, ACCEPTED);
  if (app === undefined || session === undefined || object === undefined || more.length > 0) {
    throw badKey(text, "it does not have three parts", ACCEPTED);
  }
  if (session === WILDCARD) throw badKey(text, '"*" names no single object', ACCEPTED);
  return { text, prefix: `${app}/${session}` };
}

/**
 * Where a put goes: a key of three parts, or two parts to which `newId` adds an object id of the server.
 * @throws FlameError invalid_argument as {@link parseObjectKey}; also for `<app>/*`.
 */
export function parsePutTarget(
  text: string,
  newId: () => string,
  durable = true,
): { readonly key: ObjectKey; readonly generated: boolean } {
  const accepted = `${ACCEPTED} or "<app>/<session>"`;
  const parts = checkedParts(text, accepted);
  if (parts.length === 3) {
    const key = parseObjectKey(text);
    if (durable) return { key, generated: false };
    throw notDurable(`it names its object ${quoted(text)}, which may have had other versions`);
  }
  if (parts.length !== 2) throw badKey(text, "it does not have two or three parts", accepted);
  if (parts[1] === WILDCARD) throw badKey(text, '"*" names no single session', accepted);
  const id = durable ? newId() : `${UNSYNCED}${newId()}`;
  return { key: parseObjectKey(`${text}/${id}`), generated: true };
}

/** What ids begin with that the cache makes up for objects that it does not sync. */
const UNSYNCED = "unsynced-";

/** Whether a key is one that the cache makes up for an object that it does not sync: where it is not there, it may be lost. */
export function namesUnsynced({ text, prefix }: ObjectKey): boolean {
  return text.startsWith(UNSYNCED, prefix.length + 1);
}

/** A change that cannot be made without a sync. */
export function notDurable(why: string): FlameError {
  return new FlameError(
    "invalid_argument",
    `only a put at a prefix "<app>/<session>" may be without a sync (durable=False): ${why}; leave durable out, or put to the prefix`,
  );
}

/**
 * What a delete means: two parts, three parts, or `<app>/*`.
 * @throws FlameError invalid_argument as {@link parseObjectKey}.
 */
export function parseDeleteTarget(text: string): DeleteTarget {
  const accepted = `${ACCEPTED}, "<app>/<session>" or "<app>/*"`;
  const [app, session, object, ...more] = checkedParts(text, accepted);
  if (app === undefined || session === undefined || more.length > 0) {
    throw badKey(text, "it does not have two or three parts", accepted);
  }
  if (object !== undefined) return { kind: "object", key: parseObjectKey(text) };
  if (session === WILDCARD) return { kind: "application", app };
  return { kind: "session", prefix: `${app}/${session}` };
}

/** What one call deletes at most. */
const deleteTargetsMax = 10_000;

/**
 * Many targets: a JSON array of what {@link parseDeleteTarget} takes.
 * @throws FlameError invalid_argument; nothing is deleted when one of them is bad.
 */
export function parseDeleteTargets(text: string): readonly DeleteTarget[] {
  const accepted = `a JSON array of at most ${deleteTargetsMax} texts, each ${ACCEPTED}, "<app>/<session>" or "<app>/*"`;
  const targets = jsonOf(text);
  if (!Array.isArray(targets) || targets.length > deleteTargetsMax) {
    const got = Array.isArray(targets) ? `an array of ${targets.length}` : quoted(text);
    throw new FlameError(
      "invalid_argument",
      `bad list of what to delete: got ${got}, expected ${accepted}`,
    );
  }
  return targets.map((target: unknown, index) => {
    if (typeof target === "string") return parseDeleteTarget(target);
    const got = quoted(JSON.stringify(target));
    throw new FlameError(
      "invalid_argument",
      `bad list of what to delete: entry ${index + 1} is ${got}, expected ${accepted}`,
    );
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * A ticket is `<key>` or `<key>:<version>`; the version follows the LAST colon, since keys may hold colons.
 * @throws FlameError invalid_argument for a bad key or a version that is no number.
 */
export function parseTicket(text: string): { readonly key: ObjectKey; readonly version: number } {
  const colon = text.lastIndexOf(":");
  if (colon < 0) return { key: parseObjectKey(text), version: 0 };
  const version = text.slice(colon + 1);
  if (!/^\d{1,20}$/.test(version)) {
    throw new FlameError(
      "invalid_argument",
      `bad ticket ${quoted(text)}: after the last ":" expected the version as a decimal number, got ${quoted(version)}`,
    );
  }
  return { key: parseObjectKey(text.slice(0, colon)), version: Number(version) };
}

/** Text of a client inside an error text: quoted, and not longer than a line. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}

function checkedParts(text: string, accepted: string): string[] {
  if (Buffer.byteLength(text) > keyBytesMax) {
    throw badKey(text, `it is longer than ${keyBytesMax} bytes`, accepted);
  }
  const parts = text.split("/");
  for (const [index, part] of parts.entries()) {
    if (part === "") throw badKey(text, `part ${index + 1} is empty`, accepted);
    if (part.includes("..")) throw badKey(text, `part ${index + 1} contains ".."`, accepted);
    if (part.includes("\\")) throw badKey(text, `part ${index + 1} contains "\\"`, accepted);
    if (part === WILDCARD && (index !== 1 || parts.length !== 2)) {
      throw badKey(text, `part ${index + 1} is "*"`, accepted);
    }
  }
  return parts;
}

function badKey(text: string, why: string, accepted: string): FlameError {
  return new FlameError(
    "invalid_argument",
    `bad key ${quoted(text)}: ${why}; expected ${accepted}`,
  );
}
