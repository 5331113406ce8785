import { timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  type NamedToken,
  parseTokenLine,
  type TokenLine,
  tokenDigest,
} from "../config/token-lines.ts";
import { textOf } from "../kit/thrown.ts";
import type { Identity } from "../model/caller.ts";
import { FlameError } from "../model/errors.ts";
import type { Grant, Role } from "../model/role.ts";

/** As much of a token's SHA-256 as tells tokens apart. Unit: characters, in hexadecimal. */
const idCharacters = 32;
/** Lines of a file. */
const tokensMax = 10_000;
/** Of a warning. */
const linesNamedMax = 20;

/** Whose a token is. */
export interface TokenOwner {
  /** `token` for one without a name. */
  readonly name: string;
  readonly identity: Identity;
  /** Names its line as it is: another one with other roles is another line. */
  readonly mark: string;
  /** What its line says, or what names have whose line says nothing; undefined: all, as a token without a name has. */
  readonly grants: readonly Grant[] | undefined;
}

/** The tokens of a file. */
export interface KnownTokens {
  /** Whose the token is that somebody presents; undefined: it is none of them; a text: why it is not taken. */
  ownerOf(presented: string): TokenOwner | string | undefined;
  /** Whether the line of this mark is still there, and its token lets somebody in. */
  holds(mark: string): boolean;
  /** To log once: tokens that everybody uses as one, and lines that let nobody in. */
  readonly warnings: readonly string[];
}

export interface TokenFileOptions {
  readonly file: string;
  /** The key of the configuration that names the file, for texts. */
  readonly key: string;
  /** What a name has whose line says no role. @default none */
  readonly defaultRoles?: readonly Role[] | "all";
  /** Names to which the configuration gives roles: they are not warned of. */
  readonly hasRoles?: (name: string) => boolean;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * Reads the tokens that a listener accepts, one a line, empty lines and those that begin with `#` aside. Several of one name
 * are for changing a token without a moment in which nobody gets in. A plain token whose hash another line names is that one's.
 * @throws FlameError invalid_config naming key, file and line when it cannot be read, has no token, or one that cannot be meant.
 */
export function readTokenFile(options: TokenFileOptions): KnownTokens {
  const { file, key } = options;
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
  const lines = text.split("\n").flatMap((raw, at) => {
    const line = raw.trim();
    return line === "" || line.startsWith("#") ? [] : [{ at: at + 1, line }];
  });
  const fault = (what: string): FlameError =>
    new FlameError("invalid_config", `${key}: the file ${file}${what}`);
  if (lines.length === 0) throw fault(" has no token; expected one a line: flame token makes them");
  if (lines.length > tokensMax)
    throw fault(` has ${lines.length} tokens, expected at most ${tokensMax}`);
  const read = lines.map(({ at, line }) => {
    try {
      return { at, ...parseTokenLine(line) };
    } catch (thrown) {
      throw fault(`, line ${at}: ${textOf(thrown)}`);
    }
  });
  checkDifferent(read, fault);
  return new TokenTable(read, options);
}

type ReadLine = TokenLine & { readonly at: number };

function checkDifferent(lines: readonly ReadLine[], fault: (what: string) => FlameError): void {
  const named = new Map<string, ReadLine>();
  for (const line of lines) {
    if (line.kind === "plain") continue;
    const hex = line.digest.toString("hex");
    const before = named.get(hex);
    if (before !== undefined)
      throw fault(
        `, line ${line.at}: the hash of line ${before.at} once more; expected a token of its own for each line`,
      );
    named.set(hex, line);
  }
}

class TokenTable implements KnownTokens {
  readonly warnings: readonly string[];
  readonly #lines: readonly ReadLine[];
  readonly #byMark: ReadonlyMap<string, ReadLine>;
  readonly #options: TokenFileOptions;

  constructor(lines: readonly ReadLine[], options: TokenFileOptions) {
    // Where both are the same token, its name counts.
    this.#lines = [...lines].sort(
      (a, b) => Number(a.kind === "plain") - Number(b.kind === "plain"),
    );
    this.#byMark = new Map(this.#lines.map((line) => [markOf(line), line]));
    this.#options = options;
    this.warnings = this.#findWarnings(lines);
  }

  ownerOf(presented: string): TokenOwner | string | undefined {
    const digest = tokenDigest(presented);
    // Every token is compared, in a time that does not depend on where they differ.
    const [found] = this.#lines.filter((one) => timingSafeEqual(one.digest, digest));
    if (found === undefined) return undefined;
    const identity = { id: idOf(found), accepts: this.#accepts };
    const mark = markOf(found);
    if (found.kind === "plain") return { name: "token", identity, mark, grants: undefined };
    if (this.#isOver(found))
      return `the token of ${found.name} expired at ${new Date(found.expires ?? 0).toISOString()}: ask an administrator for a new one`;
    const held = found.roles ?? this.#options.defaultRoles ?? [];
    const grants = held === "all" ? undefined : held.map((role) => ({ role }));
    return { name: found.name, identity, mark, grants };
  }

  holds(mark: string): boolean {
    const line = this.#byMark.get(mark);
    return line !== undefined && !(line.kind === "named" && this.#isOver(line));
  }

  readonly #accepts = (id: string): boolean =>
    this.#lines.some((line) => idOf(line) === id && !(line.kind === "named" && this.#isOver(line)));

  #isOver({ expires }: NamedToken): boolean {
    return expires !== undefined && this.#options.now() >= expires;
  }

  #findWarnings(lines: readonly ReadLine[]): string[] {
    const { file, key, defaultRoles, hasRoles } = this.#options;
    const isNamed = (digest: Buffer): boolean =>
      lines.some((line) => line.kind === "named" && line.digest.equals(digest));
    const plain = lines.filter((line) => line.kind === "plain" && !isNamed(line.digest));
    const warnings: string[] = [];
    if (plain.length > 0)
      warnings.push(
        `${key}: ${plain.length === 1 ? "a token" : `${plain.length} tokens`} of ${file} (line ${plain.map(({ at }) => at).join(", ")}) ` +
          `without a name: whoever has ${plain.length === 1 ? "it" : "one"} may do everything; flame token NAME makes one with a name and an end`,
      );
    for (const line of lines) {
      if (line.kind === "plain") continue;
      if (this.#isOver(line))
        warnings.push(`${key}: the token of ${line.name} (${file}, line ${line.at}) has expired`);
      const has = line.roles ?? defaultRoles ?? [];
      if (has.length === 0 && hasRoles?.(line.name) !== true)
        warnings.push(
          `${key}: ${line.name} (${file}, line ${line.at}) has no role: add roles= to the line, or name it in cluster.security.roles`,
        );
    }
    const all = lines.filter((line) => line.kind === "named" && line.roles === undefined);
    if (defaultRoles === "all" && all.length > 0)
      warnings.push(
        `${key}: ${linesText(all)} of ${file} without roles=, and cluster.security.roles is absent: their tokens may do everything ` +
          "(docs/security.md, 37.2)",
      );
    return warnings;
  }
}

function linesText(lines: readonly ReadLine[]): string {
  const numbers = lines.map(({ at }) => at).slice(0, linesNamedMax);
  const more = lines.length > linesNamedMax ? ", ..." : "";
  return `${lines.length === 1 ? "line" : "lines"} ${numbers.join(", ")}${more}`;
}

function markOf(line: TokenLine): string {
  const digest = line.digest.toString("hex");
  if (line.kind === "plain") return digest;
  return `${digest} ${line.name} ${line.roles?.join(",") ?? "-"}`;
}

function idOf(line: TokenLine): string {
  if (line.kind === "named") return `name ${line.name}`;
  return `token ${line.digest.toString("hex").slice(0, idCharacters)}`;
}
