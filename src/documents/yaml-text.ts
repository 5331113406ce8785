import {
  Composer,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
} from "yaml";
import { type DocumentPath, type Fault, gotText } from "./fault.ts";
import type { SchemaFault } from "./schema-check.ts";
import type { TextLimits } from "./text-limits.ts";
import { type BareValue, bareValue, keyTextOf } from "./yaml-scalar.ts";
import { syntaxFaults } from "./yaml-syntax.ts";
import { type DoubtfulNumber, plainValue } from "./yaml-value.ts";

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One document of a YAML text, with the way back from a path to a place in the text. */
export interface YamlDocument {
  readonly value: unknown;
  /** Syntax faults; when there are any, `value` is undefined. */
  readonly faults: readonly Fault[];
  /** Numbers that are not what every reader takes them for. */
  readonly doubtful: readonly SchemaFault[];
  /** What stands in the text for the number, true, false or nothing at `path`; undefined for anything else. */
  readonly bareAt: (path: DocumentPath) => BareValue | undefined;
  /** The place of the key (`key`) or value at `path`, or of the nearest thing around it. */
  readonly locate: (path: DocumentPath, part: "key" | "value") => Position;
}

type Token = Parameters<Composer["compose"]>[0] extends Iterable<infer T> ? T : never;

/**
 * Reads every document of a YAML 1.2 text (JSON included). Never throws: what is wrong with the text is in `faults`.
 * Documents without content are left out; a text without any gives one document with the fault `empty`.
 */
export function readYaml(text: string, limits: TextLimits): readonly YamlDocument[] {
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.bytesMax) {
    return [broken("text-too-large", `${bytes} bytes`, `at most ${limits.bytesMax} bytes`)];
  }
  const lines = new LineCounter();
  const documents: YamlDocument[] = [];
  const composer = new Composer({ lineCounter: lines, logLevel: "error", uniqueKeys: false });
  try {
    // Document by document: what comes after the last one that counts costs nothing.
    for (const document of composer.compose(tokensOf(text, lines, limits), true, text.length)) {
      if (isBare(document)) continue;
      if (documents.length === limits.documentsMax) {
        const expected = `at most ${limits.documentsMax} documents in one text`;
        throw new TooMuch("too-many-documents", "another document", expected, document.range[0]);
      }
      documents.push(fromParsed(document, text, lines, limits));
    }
  } catch (thrown) {
    if (!(thrown instanceof TooMuch)) throw thrown;
    const { rule, got, expected, offset } = thrown;
    return [...documents, broken(rule, got, expected, lines.linePos(offset))];
  }
  return documents.length > 0 ? documents : [broken("empty", "an empty text", "a YAML document")];
}

/** A limit that the text passes, found before the rest of it is looked at. */
class TooMuch extends Error {
  readonly rule: string;
  readonly got: string;
  readonly expected: string;
  readonly offset: number;

  constructor(rule: string, got: string, expected: string, offset: number) {
    super(got);
    this.rule = rule;
    this.got = got;
    this.expected = expected;
    this.offset = offset;
  }
}

/** @throws TooMuch */
function* tokensOf(text: string, lines: LineCounter, limits: TextLimits): Generator<Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let lexemes = 0;
  let offset = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > limits.lexemesMax) {
      const expected = `at most ${limits.lexemesMax} words and marks of YAML in one text`;
      throw new TooMuch("text-too-much", "more", expected, offset);
    }
    for (const token of parser.next(lexeme)) yield shallow(token, limits);
    offset = parser.offset;
  }
  for (const token of parser.end()) yield shallow(token, limits);
}

/** @throws TooMuch */
function shallow(token: Token, { depthMax }: TextLimits): Token {
  if (depthOf(token) <= depthMax) return token;
  throw new TooMuch("text-too-deep", "deeper nesting", `at most ${depthMax} levels`, token.offset);
}

function broken(
  rule: string,
  got: string,
  expected: string,
  place?: { line: number; col: number },
): YamlDocument {
  const position = { line: place?.line ?? 1, column: place?.col ?? 1 };
  const fault: Fault = { rule, path: "", got, expected, ...position };
  return { value: undefined, faults: [fault], ...nothingWritten, locate: () => position };
}

const nothingWritten = { doubtful: [], bareAt: () => undefined };

/** Nothing between two separators, or comments only. */
function isBare({ contents, errors }: Document.Parsed): boolean {
  if (errors.length > 0) return false;
  return contents === null || (isScalar(contents) && contents.source === "" && !contents.tag);
}

function fromParsed(
  document: Document.Parsed,
  text: string,
  lines: LineCounter,
  limits: TextLimits,
): YamlDocument {
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const locate: YamlDocument["locate"] = (path, part) => at(offsetOf(document, path, part));
  const syntax = syntaxFaults(document, text, at);
  if (syntax.length > 0) return { value: undefined, faults: syntax, ...nothingWritten, locate };
  const plain = plainValue(document, limits);
  if ("value" in plain) {
    const doubtful = plain.doubtful.map(doubtfulNumber);
    const bareAt: YamlDocument["bareAt"] = (path) => bareOf(document, path);
    return { value: plain.value, faults: [], doubtful, bareAt, locate };
  }
  const { offset, ...fault } = plain.fault;
  const begin = beginOf(fault.rule, offset, text);
  const faults = [{ path: "", ...fault, ...at(begin) }];
  return { value: undefined, faults, ...nothingWritten, locate };
}

/** A tag or an anchor stands before what the library takes for the beginning of its node. */
function beginOf(rule: string, offset: number, text: string): number {
  if (rule !== "yaml-tag" && rule !== "yaml-anchor") return offset;
  const before = text.slice(Math.max(0, offset - BEFORE_MAX), offset);
  const mark = /(?<![^\s,[{:-])[!&][^\s,[\]{}]*\s*$/.exec(before);
  return mark === null ? offset : offset - before.length + mark.index;
}

/** No tag or anchor that anybody writes is longer. */
const BEFORE_MAX = 1024;

function doubtfulNumber({ at, source }: DoubtfulNumber): SchemaFault {
  const leading = /^[-+]?0\d/.test(source);
  const expected = leading
    ? "a number without a zero in front, which some readers of YAML take for octal"
    : "a number that can be kept exactly";
  const hint = leading ? `write ${source.replace(/^([-+]?)0+(?=\d)/, "$1")}` : "use fewer digits";
  return { rule: "yaml-number", at, part: "value", got: source, expected, hint };
}

/** Walks as far as the path leads; through aliases too. */
function bareOf(document: Document.Parsed, path: DocumentPath): BareValue | undefined {
  let node: unknown = document.contents;
  for (const segment of path) {
    if (isAlias(node)) node = node.resolve(document);
    node = isMap(node) || isSeq(node) ? childOf(node, segment) : undefined;
  }
  if (isAlias(node)) node = node.resolve(document);
  return isScalar(node) ? bareValue(node) : undefined;
}

/** Walks as far as the path leads and returns where the last thing found begins. */
function offsetOf(document: Document.Parsed, path: DocumentPath, part: "key" | "value"): number {
  let node: Node | null | undefined = document.contents;
  let offset = document.contents?.range[0] ?? document.range[0];
  for (const [index, segment] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const key: unknown = isMap(node)
      ? node.items.find((pair) => keyText(pair.key) === String(segment))?.key
      : undefined;
    const value: unknown = isMap(node) || isSeq(node) ? childOf(node, segment) : undefined;
    const wantsKey = part === "key" && index === path.length - 1;
    const keyOffset = isNode(key) ? key.range?.[0] : undefined;
    const valueOffset = isNode(value) ? value.range?.[0] : undefined;
    const below = isNode(key) && (isEmptyScalar(value) || isBlock(value));
    offset = (wantsKey || below ? keyOffset : undefined) ?? valueOffset ?? keyOffset ?? offset;
    if (!isNode(value)) return offset;
    node = value;
  }
  return offset;
}

function childOf(node: Node, segment: string | number): unknown {
  if (isSeq(node)) return typeof segment === "number" ? node.items[segment] : undefined;
  if (!isMap(node)) return undefined;
  return node.items.find((pair) => keyText(pair.key) === String(segment))?.value;
}

/** A block begins below its key, which is the better place to look for what is wrong with the whole of it. */
function isBlock(value: unknown): boolean {
  return isCollection(value) && value.flow !== true;
}

/** `key:` with nothing behind it has its value on the next line at best: its key is the better place. */
function isEmptyScalar(value: unknown): boolean {
  return isScalar(value) && value.value === null;
}

function keyText(key: unknown): string {
  return isScalar(key) ? keyTextOf(key) : gotText(key);
}

/** The deepest nesting of collections in a token tree, without recursion: this runs before any limit is known to hold. */
function depthOf(root: Token): number {
  let deepest = 0;
  const open: { token: unknown; depth: number }[] = [{ token: root, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (typeof token !== "object" || token === null) continue;
    deepest = Math.max(deepest, depth);
    if ("value" in token) open.push({ token: token.value, depth });
    if (!("items" in token) || !Array.isArray(token.items)) continue;
    for (const item of token.items as { key?: unknown; value?: unknown }[]) {
      open.push({ token: item.key, depth: depth + 1 }, { token: item.value, depth: depth + 1 });
    }
  }
  return deepest;
}
