import { Document, Scalar, visit } from "yaml";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { canonical } from "./canonical.ts";
import { plainYaml } from "./plain-yaml.ts";

/**
 * The YAML of a manifest, with its keys in the schema's order; reading it again gives the same manifest.
 * Texts that an older YAML reader would take for something else (`no`, `1e3`) are quoted.
 */
export function toYaml(name: string, manifest: ApplicationManifestSpec): string {
  const raw = canonical({ metadata: { name }, spec: manifest }) as object;
  return plainYaml(raw) ?? libraryYaml(raw);
}

/** Any document; {@link plainYaml} has to write the same. */
export function libraryYaml(raw: object): string {
  const document = new Document(raw, {
    version: "1.2",
    compat: "yaml-1.1",
    aliasDuplicateObjects: false,
  });
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === "string" && !isPlainBlock(node.value))
        node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return document.toString({
    lineWidth: 0,
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
  });
}

/** Blanks at the beginning of a text or the end of a line are easily lost in a block: quotes keep them, and show them. */
function isPlainBlock(text: string): boolean {
  return !text.includes("\n") || !/^\s|[ \t](?:\n|$)/.test(text);
}
