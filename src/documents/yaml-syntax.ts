import type { YAMLError } from "yaml";
import type { Fault } from "./fault.ts";

type Words = Pick<Fault, "got" | "expected" | "hint">;

/** The mistakes that people make, in the words of every other fault; the parser's own sentences for all others. */
const known: Partial<Record<YAMLError["code"], Words>> = {
  TAB_AS_INDENT: {
    got: "a tab as indentation",
    expected: "spaces",
    hint: "indent with two spaces",
  },
  DUPLICATE_KEY: {
    got: "a key that is there already",
    expected: "each key once in a mapping",
    hint: "remove one of the two, or rename it",
  },
  MULTILINE_IMPLICIT_KEY: {
    got: "a text of several lines before a colon",
    expected: "KEY: VALUE on one line",
    hint: "is a quote or a bracket not closed above?",
  },
};

/** What a syntax error of the parser says, as got, expected and hint. */
export function syntaxText({ code, message }: YAMLError): Words {
  const words = known[code];
  if (words !== undefined) return words;
  const [sentence = message] = message.split(/ at line \d+/);
  return { got: `text that is no YAML (${sentence})`, expected: "well-formed YAML" };
}
