import { type DocumentPath, pathText } from "../documents/fault.ts";
import { MANIFEST_TEXT } from "../manifest/manifest.ts";

/**
 * A deep copy of what came from a plugin, when it is what a document can hold: texts, finite numbers, true, false, null,
 * lists and plain mappings. Keys that are undefined are left out.
 * @throws TypeError saying where something else is
 */
export function plainCopy(value: unknown, path: DocumentPath = []): unknown {
  switch (typeof value) {
    case "string":
      if (!/\p{Surrogate}/u.test(value)) return value;
      break;
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      break;
    case "object":
      if (value === null) return value;
      if (path.length > MANIFEST_TEXT.depthMax) break;
      if (Array.isArray(value))
        return value.map((entry, index) => plainCopy(entry, [...path, index]));
      if (isPlain(value)) return copyOf(value, path);
      break;
    default:
  }
  const where = path.length === 0 ? "" : ` at ${pathText(path)}`;
  throw new TypeError(`${whatIs(value)}${where} that no document can hold`);
}

function whatIs(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return "a text with half a character";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function copyOf(value: object, path: DocumentPath): object {
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(
    entries.map(([key, entry]) => [key, plainCopy(entry, [...path, key])] as const),
  );
}

/** By form, not by identity: a plugin may build its objects in another realm. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
