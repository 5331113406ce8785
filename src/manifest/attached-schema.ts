import type { ErrorObject } from "ajv";
import { nearest } from "../documents/did-you-mean.ts";
import { gotText } from "../documents/fault.ts";
import type { Validator } from "../documents/schema-check.ts";
import draft04 from "./generated/draft-04.ts";
import draft06 from "./generated/draft-06.ts";
import draft07 from "./generated/draft-07.ts";
import draft2019 from "./generated/draft-2019-09.ts";
import draft2020 from "./generated/draft-2020-12.ts";
import { whereJsonEnds } from "./json-place.ts";

/** What is wrong with a JSON Schema that somebody attached to an application. */
export interface AttachedSchemaFault {
  readonly rule: "schema-json" | "schema-draft" | "schema-limits" | "schema-invalid";
  readonly got: string;
  readonly expected: string;
  readonly hint?: string;
}

/** Checking lists for equal entries costs their square: these bounds keep the worst text below a second. */
const SCHEMA_VALUES_MAX = 20_000;
const SCHEMA_LIST_MAX = 2_048;
const SCHEMA_DEPTH_MAX = 128;

const LATEST = "https://json-schema.org/draft/2020-12/schema";

// Formats are not asserted, and nothing of the attached schema itself is ever compiled: a hostile pattern costs nothing.
const META_SCHEMAS = new Map<string, Validator>(
  Object.entries({
    [LATEST]: draft2020,
    "https://json-schema.org/draft/2019-09/schema": draft2019,
    "http://json-schema.org/draft-07/schema": draft07,
    "http://json-schema.org/draft-06/schema": draft06,
    "http://json-schema.org/draft-04/schema": draft04,
  }),
);

/**
 * Checks the text of an attached schema against the meta-schema of its draft (`$schema`, 2020-12 when it names none).
 * Undefined when it is fine.
 */
export function checkAttachedSchema(text: string): AttachedSchemaFault | undefined {
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch {
    const expected = "a JSON Schema as JSON text";
    return { rule: "schema-json", got: gotText(text), expected, ...jsonHint(text) };
  }
  const excess = limitFault(schema);
  if (excess !== undefined) return excess;
  const declared =
    isMapping(schema) && Object.hasOwn(schema, "$schema") ? schema["$schema"] : LATEST;
  const draft = typeof declared === "string" ? declared.replace(/#$/, "") : "";
  const validate = META_SCHEMAS.get(draft);
  if (validate === undefined) return unknownDraft(declared);
  if (validate(schema)) return undefined;
  return invalid(validate.errors ?? [], schema);
}

/** A text of several lines is searched for the place by nobody who is not told it. */
function jsonHint(text: string): { readonly hint?: string } {
  const place = text.includes("\n") ? whereJsonEnds(text) : undefined;
  if (place === undefined) return {};
  const { line, column, reason } = place;
  return { hint: `line ${line}, column ${column} of the schema's text: ${reason}` };
}

function unknownDraft(declared: unknown): AttachedSchemaFault {
  const known = [...META_SCHEMAS.keys()];
  const meant = typeof declared === "string" ? nearest(declared, known) : undefined;
  return {
    rule: "schema-draft",
    got: `$schema ${gotText(declared)}`,
    expected: `one of ${known.join(", ")}`,
    ...(meant === undefined ? {} : { hint: `did you mean "${meant}"?` }),
  };
}

/** Of all branches that failed, the one that came furthest into the schema tells most. */
function invalid(errors: readonly ErrorObject[], schema: unknown): AttachedSchemaFault {
  const depth = (error: ErrorObject): number => error.instancePath.split("/").length;
  const [first] = [...errors].sort((a, b) => depth(b) - depth(a));
  const pointer = first?.instancePath ?? "";
  const words = (first?.params as { allowedValues?: readonly unknown[] } | undefined)
    ?.allowedValues;
  const message = first?.message ?? "a schema that its meta-schema allows";
  return {
    rule: "schema-invalid",
    got: `${gotText(valueAt(schema, pointer))} at ${pointer === "" ? "the top" : pointer}`,
    expected:
      words === undefined ? message.replace(/^must /, "what must ") : `one of ${words.join(", ")}`,
  };
}

function valueAt(root: unknown, pointer: string): unknown {
  let value = root;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    value =
      typeof value === "object" && value !== null
        ? (value as Record<string, unknown>)[key]
        : undefined;
  }
  return value;
}

function limitFault(root: unknown): AttachedSchemaFault | undefined {
  const fault = (got: string, expected: string): AttachedSchemaFault => ({
    rule: "schema-limits",
    got,
    expected,
  });
  const open: { value: unknown; depth: number }[] = [{ value: root, depth: 0 }];
  let count = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    if (typeof value !== "object" || value === null) continue;
    if (depth >= SCHEMA_DEPTH_MAX)
      return fault("deeper nesting", `at most ${SCHEMA_DEPTH_MAX} levels`);
    const children: unknown[] = Object.values(value);
    if (Array.isArray(value) && value.length > SCHEMA_LIST_MAX) {
      return fault(`a list of ${value.length}`, `lists of at most ${SCHEMA_LIST_MAX} entries`);
    }
    count += children.length;
    if (count > SCHEMA_VALUES_MAX)
      return fault("more values", `at most ${SCHEMA_VALUES_MAX} values`);
    for (const child of children) open.push({ value: child, depth: depth + 1 });
  }
  return undefined;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
