import type { ApplyResult, ChangeOptions, RegistryClient } from "../../../client/index.ts";
import type { DocumentPath } from "../../../documents/fault.ts";
import type { CheckedManifest } from "../../../manifest/manifest.ts";
import { toYaml } from "../../../manifest/to-yaml.ts";
import { FlameError } from "../../../model/errors.ts";
import type { Terminal } from "../../output/terminal.ts";
import { counted } from "./document-faults.ts";
import type { WrittenDocument } from "./written-documents.ts";

/** A document without faults. */
export interface GoodDocument extends WrittenDocument {
  readonly checked: CheckedManifest;
}

export type ApplyOptions = ChangeOptions & { readonly continueOnError?: boolean };

type Refused = ApplyResult & { readonly action: "refused" };

export const isGood = (document: WrittenDocument): document is GoodDocument => document.checked.ok;

/**
 * Applies documents, all of them or none; with `continueOnError` the refused ones are among the answers.
 * @throws FlameError when something is refused, after each refusal was printed with the document's place
 */
export async function applyDocuments(
  registry: RegistryClient,
  documents: readonly GoodDocument[],
  options: ApplyOptions,
  terminal: Terminal,
): Promise<readonly ApplyResult[]> {
  try {
    return await sendDocuments(registry, documents, options);
  } catch (thrown) {
    const error = FlameError.from(thrown);
    if (!TOLD_BY_DOCUMENT.includes(error.code)) throw error;
    // The reply is one text of limited size; asked for each document by itself, the registry tells all.
    const asked = { ...options, dryRun: true, continueOnError: true };
    const results = await sendDocuments(registry, documents, asked);
    const refused = printRefusals(documents, results, terminal);
    if (refused === 0) throw error;
    const text = `${counted(refused, "document")} of ${documents.length} refused; nothing was changed`;
    throw new FlameError(error.code, text, { cause: error });
  }
}

/**
 * Sends the canonical form of each manifest in one call.
 * @throws FlameError what the registry refuses
 */
export async function sendDocuments(
  registry: RegistryClient,
  documents: readonly GoodDocument[],
  options: ApplyOptions,
): Promise<readonly ApplyResult[]> {
  const manifests = documents.map(({ checked: { name, manifest } }) => ({
    manifest: toYaml(name, manifest),
  }));
  try {
    return await registry.apply(manifests, options);
  } catch (thrown) {
    const error = FlameError.from(thrown);
    if (!/^Received message larger/.test(error.message)) throw error;
    const text = `${counted(documents.length, "document")} are more than the session manager takes in one step (${error.message}); name fewer files`;
    throw new FlameError(error.code, text, { cause: error });
  }
}

const TOLD_BY_DOCUMENT: readonly string[] = ["invalid_argument", "invalid_state", "aborted"];

/** Prints each refusal with the place of its document, and tells how many there were. */
export function printRefusals(
  documents: readonly WrittenDocument[],
  results: readonly ApplyResult[],
  terminal: Terminal,
): number {
  let refused = 0;
  for (const [index, result] of results.entries()) {
    const document = documents[index];
    if (result.action !== "refused" || document === undefined) continue;
    refused++;
    terminal.err(`${refusalLine(document, result)}\n`);
  }
  return refused;
}

function refusalLine(
  { source, place, locate }: WrittenDocument,
  { name, message }: Refused,
): string {
  // The registry saw the manifest in its canonical form: its places are not those of the file.
  const text = message.replaceAll(PLACE_AND_PATH, (_match, path: string) => {
    const at = locate(segments(path), "value") ?? place;
    return `${at.line}:${at.column}: ${path}`;
  });
  return `${source.name}:${place.line}:${place.column}: application/${name} refused: ${text}`;
}

/** A refusal without the places in the text that travelled, which nobody has seen. */
export function withoutPlaces(message: string): string {
  return message.replaceAll(PLACE_AND_PATH, "$1");
}

const PLACE_AND_PATH = /(?<=^|: |; )\d+:\d+: ((?:metadata|spec)(?:\.[\w-]+|\[[^\]]*\])*)(?=:)/g;

function segments(path: string): DocumentPath {
  const parts = path.matchAll(/([\w-]+)|\[(\d+)\]|\[("[^\]]*")\]/g);
  return [...parts].map(([, word, index, quoted]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? (word ?? "") : String(JSON.parse(quoted));
  });
}
