import { randomBytes, randomInt, randomUUID } from "node:crypto";

const SHORT_NAME_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** A random UUID v4 in its 36-character text form; file-name safe. */
export function randomId(): string {
  return randomUUID();
}

/** `<prefix>-<six random letters or digits>`: the session id convention of every published client. */
export function shortName(prefix: string, length = 6): string {
  let suffix = "";
  for (let i = 0; i < length; i++) {
    suffix += SHORT_NAME_ALPHABET.charAt(randomInt(SHORT_NAME_ALPHABET.length));
  }
  return `${prefix}-${suffix}`;
}

/** A secret that nobody guesses: 256 random bits as letters, digits, `-` and `_`. */
export function randomSecret(): string {
  return randomBytes(32).toString("base64url");
}
