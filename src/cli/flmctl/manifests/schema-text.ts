import { plainTable } from "../../output/table.ts";
import type { SchemaNode } from "./known-schemas.ts";
import { children, everythingBelow, type SchemaPlace, schemaOf } from "./schema-path.ts";

/** All that a schema says of one place, and the keys below it. */
export function explanation(place: SchemaPlace): string {
  const { path, node, required } = place;
  const facts = [
    ["Type:", typeText(node)],
    ["Limits:", limitsText(node)],
    ["Required:", required ? "yes" : "no"],
    ["Default:", node.default === undefined ? "none" : JSON.stringify(node.default)],
    ["Example:", (node.examples ?? []).map(String).join(", ")],
  ].filter(([, fact]) => fact !== "");
  const about = node.description ?? node.title;
  const keys = children(schemaOf(place), place);
  return [
    `${path}\n\n`,
    plainTable(facts),
    about === undefined ? "" : `\n${about}\n`,
    keys.length === 0 ? "" : `\nKeys:\n${keyTable(keys)}`,
  ].join("");
}

/** A place and all below it, one line each, indented by depth. */
export function outline(place: SchemaPlace): string {
  const rows = [...everythingBelow(place)].map(({ path, depth, node, required }) => {
    const key = depth === 0 ? path : lastKey(path);
    return `${"  ".repeat(depth)}${key}  ${typeText(node)}${required && depth > 0 ? ", required" : ""}\n`;
  });
  return rows.join("");
}

function keyTable(keys: readonly SchemaPlace[]): string {
  const rows = keys.map(({ path, node, required }) => [
    lastKey(path),
    typeText(node) + (required ? ", required" : ""),
    firstSentence(node.description ?? node.title ?? ""),
  ]);
  return plainTable(rows).replaceAll(/^(?=.)/gm, "  ");
}

const lastKey = (path: string): string => path.slice(path.lastIndexOf(".") + 1);

const firstSentence = (text: string): string => /^.*?\.(?= [A-Z]|$)/.exec(text)?.[0] ?? text;

const WORDS: Readonly<Record<string, string>> = {
  string: "text",
  integer: "whole number",
  number: "number",
  boolean: "true or false",
  object: "mapping",
};

/** The type in words: `text`, `list of text`, `whole number or text`. */
function typeText(node: SchemaNode): string {
  if (node.anyOf !== undefined) return [...new Set(node.anyOf.map(typeText))].join(" or ");
  const types = typeof node.type === "string" ? [node.type] : (node.type ?? []);
  const words = types.map((type) =>
    type === "array" ? `list of ${typeText(node.items ?? {})}` : (WORDS[type] ?? type),
  );
  return words.length === 0 ? "anything" : words.join(" or ");
}

/** What values are allowed, beyond their type. */
function limitsText(node: SchemaNode): string {
  const { items, minLength = 0, maxLength, minItems, maxItems, maxProperties } = node;
  const expected = node["x-expected"];
  const names = node.propertyNames?.["x-expected"];
  const limits = [
    node.enum === undefined ? "" : `one of ${node.enum.map(String).join(", ")}`,
    expected ?? "",
    expected === undefined && node.minimum !== undefined ? rangeText(node) : "",
    minLength > 0 ? "not empty" : "",
    maxLength === undefined ? "" : `at most ${maxLength} characters`,
    minItems === undefined ? "" : `at least ${minItems} entries`,
    maxItems === undefined ? "" : `at most ${maxItems} entries`,
    maxProperties === undefined ? "" : `at most ${maxProperties} entries`,
    names === undefined ? "" : `each name ${names}`,
    items === undefined || limitsText(items) === "" ? "" : `each entry ${limitsText(items)}`,
  ];
  return limits.filter((limit) => limit !== "").join("; ");
}

function rangeText({ minimum, maximum }: SchemaNode): string {
  if (minimum === undefined) return `at most ${maximum ?? ""}`;
  return maximum === undefined ? `at least ${minimum}` : `${minimum} to ${maximum}`;
}
