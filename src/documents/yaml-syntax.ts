import { type Document, isCollection, isScalar, type Node, visit } from "yaml";
import type { Fault } from "./fault.ts";

/** What is read of the library's error. */
interface LibraryError {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, number];
}

/** What a syntax fault says, and where it begins in the text. */
interface Explained {
  readonly got: string;
  readonly expected: string;
  readonly hint?: string;
  readonly offset: number;
}

/**
 * What is wrong with the text of a document. The library stumbles where the sense is lost, which may be far behind the
 * mistake, and then again: of each document the first fault is told, at the place where somebody has to mend it.
 */
export function syntaxFaults(
  document: Document.Parsed,
  text: string,
  at: (offset: number) => { readonly line: number; readonly column: number },
): readonly Fault[] {
  const [first] = document.errors;
  if (first === undefined) return [];
  const { offset, ...told } = explain(first, document, text);
  return [{ rule: "yaml-syntax", path: "", ...told, ...at(offset) }];
}

function explain(error: LibraryError, document: Document.Parsed, text: string): Explained {
  const [offset] = error.pos;
  const conflict = text.search(/^(?:<{7} |={7}$|>{7} )/m);
  if (conflict >= 0) {
    const expected = "one of its two sides";
    return { got: "a merge conflict that nobody resolved", expected, offset: conflict };
  }
  switch (error.code) {
    case "TAB_AS_INDENT":
      return {
        got: "a tab as indentation",
        expected: "spaces",
        hint: "indent with two spaces",
        offset,
      };
    case "MISSING_CHAR":
    case "BAD_INDENT":
      return neverClosed(document, text, offset) ?? libraryMessage(error);
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY":
      return {
        got: "a line that does not fit to the one before it",
        expected: "one key: value on each line, keys of one mapping equally indented",
        hint: 'a text that holds ": " needs quotes',
        offset: endOfKey(document, text, offset),
      };
    case "BAD_SCALAR_START":
      return {
        got: `a text that begins with ${JSON.stringify(text.charAt(offset))}`,
        expected: "quotes around it",
        offset,
      };
    default:
      return libraryMessage(error);
  }
}

/** A quote or bracket is missed where the text ends; what has to be mended is where it was opened. */
function neverClosed(
  document: Document.Parsed,
  text: string,
  offset: number,
): Explained | undefined {
  let opened: { readonly start: number; readonly closing: string } | undefined;
  visit(document, {
    Node: (_key, node) => {
      const [start, valueEnd, end] = node.range ?? [0, 0, 0];
      if (start > offset || offset > end || !isEnclosed(node)) return;
      const opening = text.charAt(start);
      const closing = { "[": "]", "{": "}" }[opening] ?? opening;
      const closed = valueEnd - 1 > start && text.charAt(valueEnd - 1) === closing;
      if (!closed) opened = { start, closing };
    },
  });
  if (opened === undefined) return undefined;
  const { start, closing } = opened;
  const what = closing === text.charAt(start) ? "a quote" : text.charAt(start);
  return { got: `${what} that is never closed`, expected: `${closing} behind it`, offset: start };
}

function isEnclosed(node: Node): boolean {
  if (isCollection(node)) return node.flow === true;
  return isScalar(node) && (node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE");
}

/** Of a "key" that goes over several lines, the line with the colon is the one that looks wrong to its writer. */
function endOfKey(document: Document.Parsed, text: string, offset: number): number {
  const error = document.errors.find(({ code }) => code === "MULTILINE_IMPLICIT_KEY");
  if (error === undefined || error.pos[0] !== offset) return offset;
  const lineStart = text.lastIndexOf("\n", error.pos[1] - 1) + 1;
  if (lineStart <= offset) return offset;
  return lineStart + (/^[ \t]*/.exec(text.slice(lineStart, error.pos[1]))?.[0].length ?? 0);
}

function libraryMessage({ message, pos: [offset] }: LibraryError): Explained {
  const [sentence = message] = message.split(/ at line \d+/);
  return { got: `what YAML refuses (${sentence})`, expected: "well-formed YAML", offset };
}
