import { setImmediate as nextRound } from "node:timers/promises";
import type { Admission } from "../../application-registry/admission.ts";
import type { ApplyApplication, ApplyOutcome } from "../../application-registry/index.ts";
import type { ManifestSource } from "../../application-registry/manifest-source.ts";
import { faultText } from "../../documents/fault.ts";
import {
  type CheckedManifest,
  type FaultyManifest,
  ONE_MANIFEST_TEXT,
} from "../../manifest/manifest.ts";
import { FlameError } from "../../model/errors.ts";
import type {
  ApplyRequest,
  Document,
} from "../../protocol/generated/flame/registry/v1/registry.ts";
import type { EngineDoor } from "../engine/engine-door.ts";

/** Documents of one Apply. */
export const DOCUMENTS_MAX = 10_000;
/** Documents checked before others get a turn of the event loop. */
const DOCUMENTS_AT_ONCE = 100;
/** Faults that one error text tells; more are counted: it travels in a header of limited size. */
const FAULTS_TOLD_MAX = 16;

export interface ApplyDeps {
  readonly engine: EngineDoor;
  readonly admission: Admission;
}

type Checked = CheckedManifest | (FaultyManifest & { readonly error: FlameError });

/**
 * Checks every document, then applies those without faults in one commit.
 * @throws FlameError invalid_argument with every fault of every document, and what ApplicationBook.apply refuses
 */
export async function applyDocuments(
  { engine, admission }: ApplyDeps,
  request: ApplyRequest,
  source: ManifestSource,
): Promise<readonly ApplyOutcome[]> {
  const { documents, dryRun, continueOnError, force } = request;
  if (documents.length > DOCUMENTS_MAX) {
    const text = `Apply: got ${documents.length} documents, expected at most ${DOCUMENTS_MAX}; apply them in parts`;
    throw new FlameError("resource_exhausted", text);
  }
  const checked = await checkAll(admission, documents, source);
  if (!continueOnError) throwFaults(checked);
  const applications = checked.flatMap((one, index) =>
    one.ok ? [applicationOf(one, documents[index], source, force)] : [],
  );
  const options = { dryRun, continueOnError };
  const applied = await engine.ask("application.apply", { applications, options });
  const outcomes = applied.values();
  return checked.map((one) => {
    if (!one.ok) return { name: one.name ?? "", action: "refused", error: one.error };
    return outcomes.next().value as ApplyOutcome;
  });
}

function applicationOf(
  { name, manifest, spec }: CheckedManifest,
  document: Document | undefined,
  { origin, author, owner }: ManifestSource,
  force: boolean,
): ApplyApplication {
  const expected = document?.expectedRevision;
  return {
    name,
    manifest,
    spec,
    origin,
    author,
    force,
    ...(owner !== undefined && { owner }),
    ...(expected !== undefined && { expectedRevision: Number(expected) }),
  };
}

async function checkAll(
  admission: Admission,
  documents: readonly Document[],
  source: ManifestSource,
): Promise<readonly Checked[]> {
  const checked: Checked[] = [];
  for (const [index, { manifest }] of documents.entries()) {
    if (index % DOCUMENTS_AT_ONCE === DOCUMENTS_AT_ONCE - 1) await nextRound();
    const [first, ...more] = await admission.admitText(manifest, source, {
      limits: ONE_MANIFEST_TEXT,
    });
    const where = documents.length === 1 ? "" : `document ${index + 1}`;
    if (first === undefined || more.length > 0) {
      const text = `document ${index + 1}: got ${1 + more.length} YAML documents, expected one`;
      checked.push({ ...faulty, error: new FlameError("invalid_argument", text) });
    } else checked.push(first.ok ? first : { ...first, error: errorOf(first, where) });
  }
  return checked;
}

const faulty: FaultyManifest = { ok: false, name: undefined, faults: [] };

function errorOf({ name, faults }: FaultyManifest, where: string): FlameError {
  const who = name === undefined ? "" : `application ${JSON.stringify(name)}`;
  const place = [where, who].filter((part) => part !== "").join(", ");
  const texts = faults.slice(0, FAULTS_TOLD_MAX).map((fault) => faultText(fault));
  const more = faults.length - texts.length;
  const text = texts.join("; ") + (more > 0 ? `; and ${more} more` : "");
  return new FlameError("invalid_argument", place === "" ? text : `${place}: ${text}`);
}

function throwFaults(checked: readonly Checked[]): void {
  const errors = checked.flatMap((one) => (one.ok ? [] : [one.error]));
  if (errors.length === 0) return;
  const more = errors.length - FAULTS_TOLD_MAX;
  const texts = errors.slice(0, FAULTS_TOLD_MAX).map(({ message }) => message);
  const text = texts.join("; ") + (more > 0 ? `; and ${more} more documents with faults` : "");
  throw new FlameError("invalid_argument", text);
}
