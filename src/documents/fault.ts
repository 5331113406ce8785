/** One thing that is wrong in a document; every check reports all of them at once. */
export interface Fault {
  /** The rule that was broken, such as `unknown-key` or `url-scheme`: stable, for tools and tests. */
  readonly rule: string;
  /** Where in the document, such as `spec.url` or `spec.labels[2]`; empty for the whole document. */
  readonly path: string;
  /** What was found, cut to {@link GOT_CHARACTERS_MAX} characters. */
  readonly got: string;
  /** What the value is for, where callers know the text by its beginning, such as `invalid url`. */
  readonly label?: string;
  readonly expected: string;
  /** What to do about it, such as `did you mean "url"?`. */
  readonly hint?: string;
  /** Line and column, both from 1, when the document was text. */
  readonly line?: number;
  readonly column?: number;
}

/** A path through a document: keys of mappings and indexes of lists. */
export type DocumentPath = readonly (string | number)[];

/** How much of a wrong value an error text repeats. */
export const GOT_CHARACTERS_MAX = 80;

/** `spec.labels[2]`; keys that are no plain words are quoted, long ones cut: `spec.environments["A B"]`. */
export function pathText(path: DocumentPath): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else if (segment.length > GOT_CHARACTERS_MAX) text += `[${gotText(segment)}]`;
    else if (/^[\w-]+$/.test(segment)) text += text === "" ? segment : `.${segment}`;
    else text += `[${JSON.stringify(segment)}]`;
  }
  return text;
}

const SEGMENT = /\.?([\w-]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;

/** The path that {@link pathText} wrote; undefined for any other text. */
export function parsePath(text: string): DocumentPath | undefined {
  const path: (string | number)[] = [];
  for (let at = 0; at < text.length; at = SEGMENT.lastIndex) {
    SEGMENT.lastIndex = at;
    const found = SEGMENT.exec(text);
    if (found === null) return undefined;
    const [, word, index, quoted] = found;
    if (word !== undefined) path.push(word);
    else if (index !== undefined) path.push(Number(index));
    else path.push(unquoted(quoted ?? ""));
  }
  return pathText(path) === text ? path : undefined;
}

function unquoted(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

/** A value as an error text shows it: JSON, cut when long; `nothing` for what is not there. */
export function gotText(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "a mapping";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") return `a ${typeof value}`;
  const text = JSON.stringify(value);
  return text.length > GOT_CHARACTERS_MAX ? `${text.slice(0, GOT_CHARACTERS_MAX)}...` : text;
}

/** `FILE:LINE:COLUMN: PATH: LABEL: got X, expected Y; HINT`, leaving out what is not known. */
export function faultText(fault: Fault, source = ""): string {
  const place = fault.line === undefined ? "" : `:${fault.line}:${fault.column ?? 1}`;
  const where = source === "" ? place.slice(1) : `${source}${place}`;
  const hint = fault.hint === undefined ? "" : `; ${fault.hint}`;
  const what = `got ${fault.got}, expected ${fault.expected}${hint}`;
  return [where, fault.path, fault.label ?? "", what].filter((part) => part !== "").join(": ");
}
