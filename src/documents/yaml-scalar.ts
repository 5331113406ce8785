import type { Scalar } from "yaml";
import { GOT_CHARACTERS_MAX, gotText } from "./fault.ts";

// A scalar's value is not always what stands in the text: YAML reads numbers, tags and anchors out of it. What is stored
// equals what was written, or is refused.

/** What YAML itself calls texts, numbers, true, false and nothing. */
const SCALAR_TAG = /^tag:yaml\.org,2002:(?:str|int|float|bool|null)$/;

interface ScalarFault {
  readonly rule: "yaml-tag" | "yaml-anchor" | "yaml-block" | "yaml-character";
  readonly got: string;
  readonly expected: string;
  readonly hint?: string;
}

/**
 * What of a scalar would be lost without a word: the beginning of a text that looks like a tag (`!build`) or an anchor
 * (`&co`), and half a character.
 * @param isUsed whether an alias stands for it
 */
export function scalarFault(node: Scalar, isUsed: boolean): ScalarFault | undefined {
  const { tag, anchor, type, value } = node;
  const bare = type === "PLAIN" && node.source === "";
  if (tag !== undefined && (bare || !SCALAR_TAG.test(tag))) {
    const got = `the tag ${shortened(tag)}`;
    const hint = "a text that begins with ! needs quotes";
    return {
      rule: "yaml-tag",
      got,
      expected: "a text, a number, true or false without a tag",
      hint,
    };
  }
  if (anchor !== undefined && !isUsed && type === "PLAIN") {
    const got = `the anchor &${shortened(anchor)}, which no alias stands for`;
    const hint = "a text that begins with & needs quotes; an anchor that is not used may go";
    return { rule: "yaml-anchor", got, expected: "a text, a number, true or false", hint };
  }
  if (value === "" && (type === "BLOCK_FOLDED" || type === "BLOCK_LITERAL")) {
    const mark = type === "BLOCK_FOLDED" ? ">" : "|";
    const hint = `a text that begins with ${mark} needs quotes, and so does an empty one`;
    const got = `a block (${mark}) without lines`;
    return { rule: "yaml-block", got, expected: "the lines of a text below it", hint };
  }
  // Half of a pair of UTF-16 becomes another character as soon as it is UTF-8.
  if (typeof value === "string" && /\p{Surrogate}/u.test(value)) {
    const got = "half a character (one of two surrogates of UTF-16)";
    return { rule: "yaml-character", got, expected: "whole characters" };
  }
  return undefined;
}

/** The text of a key: as it is written, also where YAML would read a number or nothing. */
export function keyTextOf(node: Scalar): string {
  if (typeof node.value === "string") return node.value;
  return node.source ?? (node.value === null ? "" : JSON.stringify(node.value));
}

/** A value that YAML read out of what stands in the text. */
export interface BareValue {
  readonly source: string;
  readonly value: unknown;
}

/** What stands in the text in the place of a number, true, false or nothing; undefined for texts. */
export function bareValue({ type, value, source }: Scalar): BareValue | undefined {
  if (typeof value === "string" || type !== "PLAIN" || source === undefined) return undefined;
  return { source, value };
}

/**
 * Whether everybody reads the number as we do: `010` is 10 or 8, and what has more digits than a number can hold
 * becomes another one.
 */
export function keptExactly({ source }: Scalar, value: number): boolean {
  if (source === undefined || !Number.isFinite(value)) return true;
  if (/^[-+]?0\d/.test(source)) return false;
  if (/^0[xo]/i.test(source)) return Number.isSafeInteger(value);
  return decimal(source) === decimal(String(value));
}

/** One spelling for each decimal number: its digits without zeros around them, and the place of the point. */
function decimal(text: string): string {
  const [, sign = "", whole = "", part = "", exponent = "0"] =
    /^([-+]?)(\d*)\.?(\d*)(?:[eE]([-+]?\d+))?$/.exec(text) ?? [];
  const digits = `${whole}${part}`.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return "0";
  const point = Number(exponent) - part.length + (digits.length - significant.length);
  return `${sign === "-" ? "-" : ""}${significant}e${point}`;
}

function shortened(text: string): string {
  const shown = gotText(text).slice(1, -1);
  return shown.slice(0, GOT_CHARACTERS_MAX);
}
