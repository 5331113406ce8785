import { stringify } from "yaml";

/** Indented JSON with a newline at its end. */
export function jsonText(document: unknown): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** One YAML document; long lines stay whole, so that they survive copying. */
export function yamlText(document: unknown): string {
  return stringify(document, { lineWidth: 0 });
}
