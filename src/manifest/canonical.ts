import { specKeys } from "./application-schema.ts";

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Spellings that published manifests use, to the one that the schema knows (docs/protocol.md, "Applications"). */
const SPELLINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  shim: { host: "Host", wasm: "Wasm", WASM: "Wasm" },
  installer: { Python: "python", PYTHON: "python", Binary: "binary", BINARY: "binary" },
};

/**
 * A copy of a raw manifest in its one canonical form, before it is checked: known spellings, keys of `spec` in the
 * schema's order, an empty `working_directory` left out. What is wrong stays as it is, for the check to report.
 */
export function canonical(raw: unknown): unknown {
  if (!isMapping(raw) || !isMapping(raw["spec"])) return raw;
  return { ...raw, spec: canonicalSpec(raw["spec"]) };
}

function canonicalSpec(spec: Record<string, unknown>): Record<string, unknown> {
  const known = specKeys.filter((key) => Object.hasOwn(spec, key) && spec[key] !== undefined);
  const unknown = Object.keys(spec).filter((key) => !specKeys.includes(key));
  // Messages from the wire carry absent keys as undefined ones, in the attached schemas too.
  const entries = [...known, ...unknown].map((key): [string, unknown] => [
    key,
    spelling(key, spec[key]),
  ]);
  return Object.fromEntries(
    entries.filter(([key, value]) => !(key === "working_directory" && value === "")),
  );
}

function spelling(key: string, value: unknown): unknown {
  if (key === "schema" && isMapping(value)) {
    return Object.fromEntries(Object.entries(value).filter(([, text]) => text !== undefined));
  }
  const known = Object.hasOwn(SPELLINGS, key) ? SPELLINGS[key] : undefined;
  if (known === undefined || typeof value !== "string") return value;
  return Object.hasOwn(known, value) ? known[value] : value;
}
