/**
 * Texts that mean themselves without quotes to every YAML reader (`e1` is a number of YAML 1.1); others are not ours to
 * judge.
 */
const PLAIN = /^(?!-?[eE][-+]?\d+$)(?:\/|--?)?[A-Za-z](?:[\w./+=@(),-]|:(?=[\w/])| (?=[\w/(]))*$/;
/** Nothing looks at what follows a longer key. */
const KEY_CHARACTERS_MAX = 100;
/** Booleans and nothings of YAML 1.1 and 1.2, and whole numbers: as texts they need quotes, and nothing else does. */
const QUOTED =
  /^(?:[yYnN]|yes|no|true|false|on|off|null|YES|NO|TRUE|FALSE|ON|OFF|NULL|Yes|No|True|False|On|Off|Null|0|[1-9][0-9]*)$/;
/** `nO` is none of them, to most. */
const LOOKS_QUOTED = /^(?:yes|no|true|false|on|off|null)$/i;

/** What only the YAML library knows how to write. */
class NotPlain extends Error {}

/**
 * The YAML of a document of mappings, lists of texts, plain texts and whole numbers, exactly as the library writes it,
 * in a fraction of the time: lists show thousands of manifests. Undefined for a document with anything else in it.
 */
export function plainYaml(document: object): string | undefined {
  try {
    return mapping(document, "");
  } catch (thrown) {
    if (thrown instanceof NotPlain) return undefined;
    throw thrown;
  }
}

function mapping(entries: object, indent: string): string {
  let text = "";
  for (const [key, value] of Object.entries(entries) as [string, unknown][]) {
    if (key.length > KEY_CHARACTERS_MAX) throw new NotPlain();
    text += `${indent}${scalar(key)}:${valueText(value, indent)}`;
  }
  return text;
}

function valueText(value: unknown, indent: string): string {
  if (typeof value !== "object" || value === null) return ` ${scalar(value)}\n`;
  if (!Array.isArray(value)) {
    const text = mapping(value, `${indent}  `);
    return text === "" ? " {}\n" : `\n${text}`;
  }
  if (value.length === 0) return " []\n";
  let text = "\n";
  for (const item of value as unknown[]) text += `${indent}  - ${scalar(item)}\n`;
  return text;
}

function scalar(value: unknown): string {
  if (typeof value === "string") {
    if (QUOTED.test(value)) return `"${value}"`;
    if (PLAIN.test(value) && !LOOKS_QUOTED.test(value)) return value;
  } else if (Number.isSafeInteger(value) && !Object.is(value, -0)) return String(value);
  throw new NotPlain();
}
