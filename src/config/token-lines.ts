import { createHash } from "node:crypto";
import { type Role, roles } from "../model/role.ts";

/** A line of a token file: `TOKEN`, or `NAME sha256:HEX [roles=ROLE,...] [expires=DATE]` (docs/security.md, 2.3). */
export type TokenLine = PlainToken | NamedToken;

/** A token that stands in the file as it is sent. */
export interface PlainToken {
  readonly kind: "plain";
  readonly digest: Buffer;
}

/** The hash of a token, and whose it is. */
export interface NamedToken {
  readonly kind: "named";
  readonly name: string;
  readonly digest: Buffer;
  /** Undefined: the line does not say any. */
  readonly roles: readonly Role[] | undefined;
  /** Unix milliseconds from which on it is refused; undefined: never. */
  readonly expires: number | undefined;
}

/** Shorter ones can be guessed. Unit: characters. */
export const tokenCharactersMin = 16;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$/;
const hashPattern = /^sha256:([0-9a-f]{64})$/i;
const datePattern = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?$/;
const dayMs = 86_400_000;

/** Digests have one length, whatever was presented. */
export function tokenDigest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** Whether the line holds a token as it is sent: neither empty, nor a comment, nor a name with a hash. */
export function isPlainToken(line: string): boolean {
  return line !== "" && !line.startsWith("#") && !/\s/.test(line);
}

/** @throws Error with what is expected, for one word of a line or the whole of it */
export function parseTokenLine(line: string): TokenLine {
  const [name = "", hash, ...more] = line.split(/\s+/);
  if (hash === undefined) return plainToken(name);
  checkTokenName(name);
  const hex = hashPattern.exec(hash)?.[1];
  if (hex === undefined)
    // Without the word itself: a secret may stand in the wrong place.
    throw new Error(
      `got no hash behind the name ${shortened(name)}, expected sha256: and 64 hexadecimal digits, as flame token prints them`,
    );
  const named = new Map<string, string>();
  for (const word of more) {
    const [key = "", value] = word.split(/=(.*)/s);
    if ((key !== "roles" && key !== "expires") || value === undefined)
      throw new Error(`got "${shortened(word)}", expected roles=ROLE,... or expires=DATE`);
    if (named.has(key)) throw new Error(`got ${key}= twice, expected it once`);
    named.set(key, value);
  }
  const [ofRoles, expires] = [named.get("roles"), named.get("expires")];
  return {
    kind: "named",
    name,
    digest: Buffer.from(hex, "hex"),
    roles: ofRoles === undefined ? undefined : parseRoles(ofRoles),
    expires: expires === undefined ? undefined : parseExpiry(expires),
  };
}

function plainToken(token: string): PlainToken {
  if (token.length < tokenCharactersMin)
    throw new Error(
      `a token that is too short, expected at least ${tokenCharactersMin} characters, such as openssl rand -hex 32 makes`,
    );
  return { kind: "plain", digest: tokenDigest(token) };
}

/** @throws Error with what is expected */
export function checkTokenName(name: string): void {
  if (namePattern.test(name)) return;
  throw new Error(
    `got the name "${shortened(name)}", expected 1 to 128 letters, digits, ".", "_", "@", "+" and "-", a letter or digit first`,
  );
}

/** Of `user,viewer`. @throws Error with what is expected */
export function parseRoles(text: string): readonly Role[] {
  return text.split(",").map((word) => {
    const role = roles.find((one) => one === word);
    if (role === undefined)
      throw new Error(`got the role "${word.slice(0, 24)}", expected one of ${roles.join(", ")}`);
    return role;
  });
}

/** A day, to its end in UTC, or a moment. @throws Error with what is expected */
export function parseExpiry(text: string): number {
  const time = datePattern.test(text) ? Date.parse(text) : Number.NaN;
  // A day that the month does not have is another day for Date.
  if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(text.slice(0, 10)))
    throw new Error(
      `got the date "${text.slice(0, 24)}", expected a day such as 2027-01-31, to its end in UTC, or a moment such as 2027-01-31T12:00Z`,
    );
  return text.includes("T") ? time : time + dayMs;
}

/** The line of a new token. */
export function tokenLine(token: string, of: TokenLineOptions): string {
  return [
    of.name,
    `sha256:${tokenDigest(token).toString("hex")}`,
    ...(of.roles === undefined ? [] : [`roles=${of.roles.join(",")}`]),
    ...(of.expires === undefined ? [] : [`expires=${of.expires}`]),
  ].join(" ");
}

export interface TokenLineOptions {
  readonly name: string;
  readonly roles?: readonly Role[] | undefined;
  /** As {@link parseExpiry} takes it. */
  readonly expires?: string | undefined;
}

/** Nobody prints a secret that stood in the wrong place. */
const shortened = (text: string): string =>
  text.length < tokenCharactersMin ? text : `${text.slice(0, 6)}…`;
