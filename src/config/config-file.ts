import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { type DocumentPath, type Fault, faultText, gotText, pathText } from "../documents/fault.ts";
import { asWritten, type SchemaCheck, type SchemaFault } from "../documents/schema-check.ts";
import { type TextLimits } from "../documents/text-limits.ts";
import { readYaml, type YamlDocument } from "../documents/yaml-text.ts";
import { FlameError } from "../model/errors.ts";

const CONFIG_TEXT: TextLimits = {
  lexemesMax: 200_000,
  bytesMax: 1024 * 1024,
  depthMax: 32,
  aliasCountMax: 100,
  documentsMax: 1,
};

/** The source of a configuration that no file says. */
export const BUILT_IN_DEFAULTS = "built-in defaults";

/** A configuration file whose keys and values passed their schema. */
export interface ConfigDocument {
  readonly value: Readonly<Record<string, unknown>>;
  /** The file, or `built-in defaults`. */
  readonly source: string;
  /** The error for a value that only code can judge, with its place in the file. */
  fault(path: DocumentPath, expected: string, hint?: string): FlameError;
}

/** What stands where no file does. */
export function noConfigFile(): ConfigDocument {
  return documentOf({}, BUILT_IN_DEFAULTS, () => ({}));
}

/**
 * Reads and checks one YAML configuration file. Texts at the paths `anyCase` are read in lower case.
 * @throws FlameError invalid_config naming the file and, for each fault, line:column, path, got and expected.
 */
export function readConfigFile(
  file: string,
  check: SchemaCheck,
  anyCase: readonly DocumentPath[] = [],
): ConfigDocument {
  const documents = readYaml(readText(file), CONFIG_TEXT);
  const first = documents.find((document) => document.faults.length > 0) ?? documents[0];
  // A file in which everything is commented out is the same as no settings.
  const blank = first === undefined || first.faults.some((fault) => fault.rule === "empty");
  const yaml = blank ? undefined : first;
  if (yaml !== undefined && yaml.faults.length > 0) throw refusal(file, yaml.faults);
  const value = withoutNulls(yaml?.value ?? {});
  for (const at of anyCase) lowerCase(value, at);
  const place = (at: DocumentPath, part: "key" | "value"): object => yaml?.locate(at, part) ?? {};
  const found = check(value).map((fault) => asWritten(fault, yaml?.bareAt(fault.at)));
  const wrongAt = new Set(found.map(({ at }) => pathText(at)));
  const doubtful = (yaml?.doubtful ?? []).filter(({ at }) => !wrongAt.has(pathText(at)));
  const faults = [...found, ...doubtful].map((fault) =>
    toFault(fault, place(fault.at, fault.part)),
  );
  // An unknown key too: whoever mistyped one would go on with a default that nobody chose.
  if (faults.length > 0) throw refusal(file, faults);
  return documentOf(value as Record<string, unknown>, file, (at) => place(at, "value"));
}

function documentOf(
  value: Readonly<Record<string, unknown>>,
  source: string,
  place: (at: DocumentPath) => ReturnType<YamlDocument["locate"]> | object,
): ConfigDocument {
  return {
    value,
    source,
    fault: (at, expected, hint) => {
      const got = gotText(at.reduce<unknown>(childOf, value));
      const fault = { rule: "config", path: pathText(at), got, expected, ...place(at) };
      return refusal(source, [hint === undefined ? fault : { ...fault, hint }]);
    },
  };
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const reason = String((cause as NodeJS.ErrnoException).code ?? cause);
    const text = `${file} is not a file that can be read (${reason}); name another with --config`;
    throw new FlameError("invalid_config", text, { cause });
  }
  if (isUtf8(bytes)) return bytes.toString("utf8");
  throw new FlameError(
    "invalid_config",
    `${file}: got bytes that are no UTF-8, expected YAML in UTF-8`,
  );
}

function refusal(file: string, faults: readonly Fault[]): FlameError {
  const text = faults.map((fault) => faultText(fault, file)).join("; and ");
  return new FlameError("invalid_config", `invalid configuration: ${text}`);
}

function toFault({ at, part: _part, ...rest }: SchemaFault, place: object): Fault {
  return { ...rest, path: pathText(at), ...place };
}

function childOf(parent: unknown, key: string | number): unknown {
  return typeof parent === "object" && parent !== null
    ? (parent as Record<string | number, unknown>)[key]
    : undefined;
}

/** A key with nothing behind it, usual where all lines of a section are commented out, says nothing. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([, child]) => child !== null);
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutNulls(child)]));
}

function lowerCase(root: unknown, at: DocumentPath): void {
  const key = at.at(-1);
  const parent = at.slice(0, -1).reduce<unknown>(childOf, root);
  const text = key === undefined ? undefined : childOf(parent, key);
  if (typeof text !== "string") return;
  (parent as Record<string | number, unknown>)[String(key)] = text.toLowerCase();
}
