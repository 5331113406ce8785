import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { textOf } from "../kit/thrown.ts";
import type { Identity } from "../model/caller.ts";
import { FlameError } from "../model/errors.ts";

/** Shorter ones can be guessed. Unit: characters. */
const tokenCharactersMin = 16;

/** As much of a token's SHA-256 as tells tokens apart. Unit: characters, in hexadecimal. */
const idCharacters = 32;

/** The tokens of a file. */
export interface KnownTokens {
  /** Whose the token is that somebody presents; undefined when it is none of them. */
  identityOf(presented: string): Identity | undefined;
}

/**
 * Reads the tokens that a listener accepts: one a line, empty lines and those that begin with `#` aside. Several are
 * for changing a token without a moment in which nobody gets in.
 * @param key of the configuration that names the file, for the error's text
 * @throws FlameError invalid_config naming key and file when it cannot be read, has no token, or one under 16 characters.
 */
export function readTokenFile(file: string, key: string): KnownTokens {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new FlameError(
      "invalid_config",
      `${key}: the file ${file} cannot be read: ${textOf(cause)}; name a file with one token a line`,
      { cause },
    );
  }
  const tokens = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (tokens.length === 0 || tokens.some((token) => token.length < tokenCharactersMin)) {
    throw new FlameError(
      "invalid_config",
      `${key}: the file ${file} has ${tokens.length === 0 ? "no token" : "a token that is too short"}; expected one of at least ${tokenCharactersMin} characters a line, such as openssl rand -hex 32 makes`,
    );
  }
  return knownTokens(tokens.map(digest));
}

function knownTokens(digests: readonly Buffer[]): KnownTokens {
  const ids = new Set(digests.map(idOf));
  const accepts = (id: string): boolean => ids.has(id);
  return {
    identityOf: (presented) => {
      const other = digest(presented);
      // Every token is compared, in a time that does not depend on where they differ.
      const known = digests.filter((one) => timingSafeEqual(one, other)).length > 0;
      return known ? { id: idOf(other), accepts } : undefined;
    },
  };
}

const idOf = (hash: Buffer): string => `token ${hash.toString("hex").slice(0, idCharacters)}`;

/** Digests have one length, whatever was presented. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
