import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";

/** Shorter ones can be guessed. Unit: characters. */
const tokenCharactersMin = 16;

/** Says whether somebody knows one of the tokens of a file. */
export type TokenCheck = (presented: string) => boolean;

/**
 * Reads the tokens that a listener accepts: one a line, empty lines and those that begin with `#` aside. Several are
 * for changing a token without a moment in which nobody gets in.
 * @param key of the configuration that names the file, for the error's text
 * @throws FlameError invalid_config naming key and file when it cannot be read, has no token, or one under 16 characters.
 */
export function readTokenFile(file: string, key: string): TokenCheck {
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
  const digests = tokens.map(digest);
  return (presented) => {
    const other = digest(presented);
    // Every token is compared, in a time that does not depend on where they differ.
    return digests.filter((known) => timingSafeEqual(known, other)).length > 0;
  };
}

/** Digests have one length, whatever was presented. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
