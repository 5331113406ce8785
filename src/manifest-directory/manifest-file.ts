import { isUtf8 } from "node:buffer";
import { faultText } from "../documents/fault.ts";
import type { CheckedManifest, FaultyManifest } from "../manifest/manifest.ts";

/** What is wrong with a file of manifests. */
export interface FileFault {
  /** The application that it is about, when that could be read. */
  readonly name?: string;
  /** `LINE:COLUMN: PATH: got X, expected Y`, with the place only where it has one. */
  readonly text: string;
}

/**
 * A file of manifests, read and checked. The file is the unit: with a fault in any of its documents none of them
 * counts, since what is missing from a broken file may only be hidden by the fault.
 */
export type ManifestFile =
  | {
      /** Absolute, as the directory names it: links are not followed. */
      readonly path: string;
      readonly ok: true;
      /** At least one. */
      readonly documents: readonly CheckedManifest[];
    }
  | { readonly path: string; readonly ok: false; readonly faults: readonly FileFault[] };

/** Turns the text of a file into checked manifests: the server's admission, or the check alone. */
export type ReadText = (
  text: string,
  path: string,
) => Promise<readonly (CheckedManifest | FaultyManifest)[]>;

/** Faults of one file that are told; more are counted. */
const FAULTS_TOLD_MAX = 8;

/** The manifests that a file's bytes hold. Does not throw for anything that the bytes are. */
export async function manifestFile(
  path: string,
  bytes: Uint8Array,
  readText: ReadText,
): Promise<ManifestFile> {
  if (!isUtf8(bytes)) return faulty(path, "got bytes that are not UTF-8, expected a YAML text");
  const text = Buffer.from(bytes).toString("utf8");
  const results = await readText(text, path);
  const faults = results.flatMap((result) => (result.ok ? [] : faultsOf(result)));
  const documents = results.filter((result) => result.ok);
  const all = [...faults, ...twice(documents)];
  return all.length > 0 ? { path, ok: false, faults: all } : { path, ok: true, documents };
}

/** A file that cannot even be read. */
export function faulty(path: string, text: string): ManifestFile {
  return { path, ok: false, faults: [{ text }] };
}

/** All faults of a file as one text. */
export function faultsText(faults: readonly FileFault[]): string {
  const more = faults.length - FAULTS_TOLD_MAX;
  const texts = faults.slice(0, FAULTS_TOLD_MAX).map(({ text }) => text);
  return texts.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

function faultsOf({ name, faults }: FaultyManifest): readonly FileFault[] {
  return faults.map((fault) => ({
    ...(name !== undefined && { name }),
    text: faultText(fault),
  }));
}

function twice(documents: readonly CheckedManifest[]): readonly FileFault[] {
  const names = documents.map(({ name }) => name);
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    if (first === index) return [];
    const text = `got the application ${name} in manifest ${first + 1} and in manifest ${index + 1}, expected it once`;
    return [{ name, text }];
  });
}
