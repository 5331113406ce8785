import type { Fault } from "../../../documents/fault.ts";
import type { Position } from "../../../documents/yaml-text.ts";
import {
  type CheckedManifest,
  checkWritten,
  type FaultyManifest,
  type Locate,
  MANIFEST_TEXT,
  parseManifests,
} from "../../../manifest/manifest.ts";
import type { ManifestFault } from "../../../manifest/manifest-fault.ts";
import { FlameError } from "../../../model/errors.ts";
import type { SourceText } from "./source-texts.ts";

/** Whether the cluster takes these is configured there (`packages.allowed_schemes`): its answer counts. */
const SERVER_DECIDES: readonly string[] = ["http", "https"];

/** One document of a source, checked as far as that can be done without a cluster. */
export interface WrittenDocument {
  readonly source: SourceText;
  /** Where its name stands, else where it begins. */
  readonly place: Position;
  readonly locate: Locate;
  readonly checked: CheckedManifest | FaultyManifest;
}

/**
 * Checks every document of every source. A name that comes again is a fault where it comes again.
 * @throws FlameError invalid_config for more documents than one apply takes
 */
export function checkSources(sources: readonly SourceText[]): readonly WrittenDocument[] {
  const documents: WrittenDocument[] = [];
  const first = new Map<string, WrittenDocument>();
  for (const source of sources) {
    for (const written of parseManifests(source.text)) {
      const { locate } = written;
      const place = locate(["metadata", "name"], "value") ?? { line: 1, column: 1 };
      const checked = checkWritten(written, { allowedSchemes: SERVER_DECIDES });
      const document = { source, place, locate, checked };
      const earlier = checked.name === undefined ? undefined : first.get(checked.name);
      documents.push(earlier === undefined ? document : withRepeatedName(document, earlier));
      if (checked.name !== undefined && earlier === undefined) first.set(checked.name, document);
    }
  }
  refuseTooMany(documents);
  return documents;
}

function withRepeatedName(document: WrittenDocument, earlier: WrittenDocument): WrittenDocument {
  const { checked, place } = document;
  const { line, column } = earlier.place;
  const file = earlier.source === document.source ? "" : `${earlier.source.name}:`;
  const fault: ManifestFault = {
    rule: "repeated-name",
    path: "metadata.name",
    kind: "name",
    got: `${JSON.stringify(checked.name)} again, as at ${file}${line}:${column}`,
    expected: "each application in one document",
    hint: "keep one of them",
    ...place,
  };
  const faults: readonly ManifestFault[] = checked.ok ? [] : checked.faults;
  return { ...document, checked: { ok: false, name: checked.name, faults: [fault, ...faults] } };
}

function refuseTooMany({ length }: readonly WrittenDocument[]): void {
  const { documentsMax } = MANIFEST_TEXT;
  if (length <= documentsMax) return;
  const text = `got ${length} documents, expected at most ${documentsMax} at once: name fewer files`;
  throw new FlameError("invalid_config", text);
}

/** Something to tell of one document. */
export interface Told {
  readonly document: WrittenDocument;
  readonly fault: Fault;
}

/** Every fault of every document, with its source. */
export function faultsOf(documents: readonly WrittenDocument[]): readonly Told[] {
  return documents.flatMap((document) =>
    document.checked.ok ? [] : document.checked.faults.map((fault) => ({ document, fault })),
  );
}

/** Every warning about documents without faults. */
export function warningsOfAll(documents: readonly WrittenDocument[]): readonly Told[] {
  return documents.flatMap((document) =>
    document.checked.ok ? document.checked.warnings.map((fault) => ({ document, fault })) : [],
  );
}
