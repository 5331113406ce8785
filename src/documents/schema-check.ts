import type { AnySchemaObject, ErrorObject } from "ajv";
import { nearest } from "./did-you-mean.ts";
import { type DocumentPath, type Fault, GOT_CHARACTERS_MAX, gotText, pathText } from "./fault.ts";
import type { BareValue } from "./yaml-scalar.ts";

/** A fault before it has a place in a text: the path is kept as segments, so that the text can be searched. */
export interface SchemaFault extends Omit<Fault, "path" | "line" | "column"> {
  readonly at: DocumentPath;
  /** Whether the key or the value at `at` is what is wrong. */
  readonly part: "key" | "value";
}

export type SchemaCheck = (value: unknown) => readonly SchemaFault[];

/** A compiled schema as ajv makes it (`allErrors`, `verbose`). */
export interface Validator {
  (value: unknown): boolean;
  errors?: readonly ErrorObject[] | null;
}

/** Keywords of our own that schemas may use beside those of JSON Schema. */
export const OWN_KEYWORDS = ["x-rule", "x-expected", "x-unavailable", "x-also"];

/** Makes a check that reports every fault from a compiled schema (`scripts/generate-validators.mjs`). */
export function checkWith(validate: Validator): SchemaCheck {
  return (value) => (validate(value) ? [] : tidy(validate.errors ?? [], value));
}

/** More faults than anybody reads at once; what is beyond shows when these are mended. */
export const FAULTS_MAX = 100;

/** `anyOf` reports every branch that failed and then itself; the one fault of the whole says it better. */
function tidy(errors: readonly ErrorObject[], root: unknown): readonly SchemaFault[] {
  const unions = errors.filter((e) => e.keyword === "anyOf" || e.keyword === "oneOf");
  const inBranch = (error: ErrorObject): boolean =>
    unions.some((union) => error !== union && error.schemaPath.startsWith(`${union.schemaPath}/`));
  return errors
    .filter((error) => !inBranch(error) && error.keyword !== "propertyNames")
    .slice(0, FAULTS_MAX)
    .map((error) => toFault(error, root));
}

function toFault(error: ErrorObject, root: unknown): SchemaFault {
  const at = segmentsOf(error, root);
  const base = { rule: ruleOf(error), at, part: "value" as const, got: gotText(error.data) };
  const params = error.params as Record<string, unknown>;
  const parent = error.parentSchema as AnySchemaObject;
  switch (error.keyword) {
    case "additionalProperties":
      return unknownKey(at, String(params["additionalProperty"]), parent);
    case "required": {
      const key = String(params["missingProperty"]);
      const expected = `the key ${pathText([...at, key])}`;
      return { ...base, at: [...at, key], part: "key", got: "nothing", expected };
    }
    case "enum":
      return oneOf(base, error.data, parent);
    default:
      break;
  }
  // A key that breaks a rule of names: the key itself is the wrong thing.
  if (error.propertyName !== undefined) {
    const key = error.propertyName;
    return {
      ...base,
      at: [...at, key],
      part: "key",
      got: gotText(key),
      expected: expectedOf(error, parent),
    };
  }
  return { ...base, expected: expectedOf(error, parent), ...hintFor(error, at) };
}

function unknownKey(at: DocumentPath, key: string, parent: AnySchemaObject): SchemaFault {
  const properties = (parent["properties"] ?? {}) as Readonly<Record<string, AnySchemaObject>>;
  const known = Object.keys(properties);
  const meant = known.find((one) => isAlso(properties[one], key)) ?? nearest(key, known);
  const hint = meant === undefined ? undefined : `did you mean "${meant}"?`;
  return {
    rule: "unknown-key",
    at: [...at, key],
    part: "key",
    got: `the unknown key ${gotText(key)}`,
    expected: `one of ${known.join(", ")}`,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** `x-also` of a key's schema lists what other systems call it. */
function isAlso(schema: AnySchemaObject | undefined, key: string): boolean {
  const words = (schema?.["x-also"] ?? []) as readonly string[];
  return words.includes(key.toLowerCase());
}

/** `x-unavailable` of a schema says why a value that people know from elsewhere is refused. */
function oneOf(
  base: Omit<SchemaFault, "expected">,
  value: unknown,
  parent: AnySchemaObject,
): SchemaFault {
  const words = (parent["enum"] as readonly unknown[]).map(String);
  const unavailable = (parent["x-unavailable"] ?? {}) as Readonly<Record<string, string>>;
  const word = typeof value === "string" ? value : "";
  const meant = nearest(word, words);
  const guess = meant === undefined ? undefined : `did you mean "${meant}"?`;
  const hint = Object.hasOwn(unavailable, word) ? unavailable[word] : guess;
  return {
    ...base,
    expected: `one of ${words.join(", ")}`,
    ...(hint === undefined ? {} : { hint }),
  };
}

const RULES: Readonly<Record<string, string>> = {
  additionalProperties: "unknown-key",
  required: "missing-key",
  enum: "unknown-value",
  const: "unknown-value",
  minLength: "too-short",
  maxLength: "too-long",
  minItems: "too-few",
  maxItems: "too-many",
  maxProperties: "too-many",
  minProperties: "too-few",
  minimum: "out-of-range",
  maximum: "out-of-range",
  anyOf: "type",
  oneOf: "type",
};

/** A schema names its own rule with `x-rule` (beside `pattern`, where the keyword says too little). */
function ruleOf(error: ErrorObject): string {
  const parent = error.parentSchema as AnySchemaObject;
  if (error.keyword === "pattern" && typeof parent["x-rule"] === "string") return parent["x-rule"];
  return RULES[error.keyword] ?? error.keyword;
}

function expectedOf(error: ErrorObject, parent: AnySchemaObject): string {
  const own: unknown = parent["x-expected"];
  const limit: unknown = (error.params as Record<string, unknown>)["limit"];
  switch (error.keyword) {
    case "type":
      return typeof own === "string" ? own : typeText(error.schema);
    case "pattern":
      if (parent["x-rule"] === "nul-character") return "a text without NUL characters";
      return typeof own === "string" ? own : (error.message ?? "another text");
    case "minLength":
      return limit === 1 ? "a text that is not empty" : `at least ${String(limit)} characters`;
    case "maxLength":
      return `at most ${String(limit)} characters`;
    case "maxItems":
    case "maxProperties":
      return `at most ${String(limit)} entries`;
    case "minItems":
    case "minProperties":
      return `at least ${String(limit)} entries`;
    case "minimum":
    case "maximum":
      return rangeText(parent);
    default:
      return typeof own === "string" ? own : (error.message ?? "a value that the schema allows");
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "a text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  object: "a mapping",
  array: "a list",
};

function typeText(type: unknown): string {
  const types = Array.isArray(type) ? type.map(String) : [String(type)];
  return types.map((name) => TYPE_WORDS[name] ?? name).join(" or ");
}

function rangeText(parent: AnySchemaObject): string {
  const { minimum: least, maximum: most } = parent as { minimum?: number; maximum?: number };
  if (least === undefined) return `at most ${most ?? ""}`;
  return most === undefined ? `at least ${least}` : `${least} to ${most}`;
}

/** Where YAML itself is the trap: bare numbers and booleans in the place of texts. */
function hintFor(error: ErrorObject, at: DocumentPath): { hint?: string } {
  const data: unknown = error.data;
  if (error.keyword !== "type") return {};
  if (data === null) {
    const what = typeof at.at(-1) === "number" ? "entry" : "key";
    return { hint: `write a value or remove the ${what}` };
  }
  if (typeof data === "string" && error.schema === "object" && /^[\w-]+:\S/.test(data)) {
    return { hint: "is there a space missing behind the colon?" };
  }
  if (error.schema !== "string") return {};
  return typeof data === "number" || typeof data === "boolean"
    ? { hint: `${IN_QUOTES}: "${data}"` }
    : {};
}

/**
 * The fault in the words of its text: a value that YAML reads as a number, true, false or nothing is told as it is
 * written, so that the hint to write it in quotes keeps it (`0777` is the text "0777", not "777").
 * @param bare what stands in the text at the fault's path, and what YAML read
 */
export function asWritten(fault: SchemaFault, bare: BareValue | undefined): SchemaFault {
  if (bare === undefined || bare.source === "" || fault.part !== "value") return fault;
  const { source, value } = bare;
  // A plugin may have put something else in its place.
  if (gotText(value) !== fault.got) return fault;
  const quoted = gotText(source);
  const { hint } = fault;
  if (fault.got === "nothing") {
    if (!fault.expected.startsWith("a text") || hint === undefined) return fault;
    return { ...fault, hint: `${hint}; as a text it needs quotes: ${quoted}` };
  }
  const got =
    source.length > GOT_CHARACTERS_MAX ? `${source.slice(0, GOT_CHARACTERS_MAX)}...` : source;
  const inQuotes = hint?.startsWith(IN_QUOTES) === true ? `${IN_QUOTES}: ${quoted}` : hint;
  return { ...fault, got, ...(inQuotes !== undefined && { hint: inQuotes }) };
}

const IN_QUOTES = "write it in quotes";

/** The pointer's parts; a number only where it stands in a list, since keys may be written in digits too. */
function segmentsOf({ instancePath }: ErrorObject, root: unknown): (string | number)[] {
  const segments: (string | number)[] = [];
  let value = root;
  for (const part of instancePath.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    segments.push(Array.isArray(value) ? Number(key) : key);
    value = (value as Record<string, unknown> | null | undefined)?.[key];
  }
  return segments;
}
