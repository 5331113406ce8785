import { deepFreeze } from "../documents/defaults.ts";
import { type DocumentPath, gotText, pathText } from "../documents/fault.ts";
import { asWritten, type SchemaFault } from "../documents/schema-check.ts";
import { type TextLimits } from "../documents/text-limits.ts";
import { type Position, readYaml, type YamlDocument } from "../documents/yaml-text.ts";
import type { ApplicationManifestSpec, ApplicationSpec } from "../model/application-spec.ts";
import { packageFault } from "../model/package-list.ts";
import { checkShape, specKeys, specOf } from "./application-schema.ts";
import { checkAttachedSchema } from "./attached-schema.ts";
import { canonical } from "./canonical.ts";
import type { ManifestFault } from "./manifest-fault.ts";
import { missingCommand } from "./missing-command.ts";
import { isUrlFault, parsePackageUrl } from "./package-url.ts";
import { warningsOf } from "./warnings.ts";

/** A manifest that passed every check, frozen. */
export interface CheckedManifest {
  readonly ok: true;
  readonly name: string;
  /** What was written, in canonical form, before defaults: what is stored and shown for editing. */
  readonly manifest: ApplicationManifestSpec;
  /** With every default filled in. */
  readonly spec: ApplicationSpec;
  /** What is allowed and will not do what its writer may think, in the order of the document where it was text. */
  readonly warnings: readonly ManifestFault[];
}

/** A manifest with faults: all of them, in the order of the document where it was text. */
export interface FaultyManifest {
  readonly ok: false;
  /** The name, when at least that could be read. */
  readonly name: string | undefined;
  readonly faults: readonly ManifestFault[];
}

export interface ManifestOptions {
  /** Schemes of `url` beside file, grpc and grpcs: `packages.allowed_schemes`. Default none. */
  readonly allowedSchemes?: readonly string[];
  /**
   * Set for manifests that the server itself reads from a file: a leading `${FLAME_HOME}` in `working_directory` is
   * replaced by this absolute path. From anywhere else it is a fault.
   */
  readonly flameHome?: string;
}

/** What one manifest may cost; a text may hold many. */
export const MANIFEST_TEXT: TextLimits = Object.freeze({
  bytesMax: 4 * 1024 * 1024,
  lexemesMax: 2_000_000,
  depthMax: 16,
  aliasCountMax: 1000,
  documentsMax: 10_000,
});

/** What one manifest alone may cost: an answer within a moment, since a server has others to serve meanwhile. */
export const ONE_MANIFEST_TEXT: TextLimits = Object.freeze({
  ...MANIFEST_TEXT,
  bytesMax: 2 * 1024 * 1024,
  lexemesMax: 50_000,
  documentsMax: 1,
});

/** UTF-8 bytes of one manifest as JSON: it travels whole to clients and nodes. */
export const MANIFEST_BYTES_MAX = 1024 * 1024;

const VARIABLE = "${FLAME_HOME}";

export type Locate = (path: DocumentPath, part: "key" | "value") => Position | undefined;

/** One document of a text before it is checked as a manifest: where everything stands is remembered. */
export interface WrittenManifest {
  /** What was written; meaningless when there are faults. */
  readonly raw: unknown;
  /** Faults of the text itself. */
  readonly faults: readonly ManifestFault[];
  readonly locate: Locate;
  /** As of a document of YAML; nothing for what was written nowhere. */
  readonly doubtful: readonly SchemaFault[];
  readonly bareAt: YamlDocument["bareAt"];
  /**
   * Somebody wrote it as text, so that it has to say all that it takes to run it; messages of the published calls and
   * what the registry has taken before need not, and get a warning instead.
   */
  readonly isText: boolean;
}

/** Reads every document of a YAML (or JSON) text; never throws. */
export function parseManifests(
  text: string,
  limits: TextLimits = MANIFEST_TEXT,
): readonly WrittenManifest[] {
  return readYaml(text, limits).map(({ value, faults, ...places }) => ({
    ...places,
    raw: value,
    faults: faults.map((fault): ManifestFault => ({ ...fault, kind: "argument" })),
    isText: true,
  }));
}

/** Structured data, such as a message from the wire, as something that was written nowhere. */
export function unwritten(raw: unknown): WrittenManifest {
  const nowhere = (): undefined => undefined;
  return { raw, faults: [], doubtful: [], locate: nowhere, bareAt: nowhere, isText: false };
}

/** Checks what {@link parseManifests} found. */
export function checkWritten(
  written: WrittenManifest,
  options: ManifestOptions = {},
): CheckedManifest | FaultyManifest {
  const { faults } = written;
  return faults.length > 0 ? { ok: false, name: undefined, faults } : check(written, options);
}

/** Reads every manifest of a YAML (or JSON) text, one result for each document; never throws. */
export function readManifests(
  text: string,
  options: ManifestOptions = {},
): readonly (CheckedManifest | FaultyManifest)[] {
  return parseManifests(text).map((written) => checkWritten(written, options));
}

/** Checks a manifest `{ metadata: { name }, spec }` that came as structured data, such as a message from the wire. */
export function checkManifest(
  raw: unknown,
  options: ManifestOptions = {},
): CheckedManifest | FaultyManifest {
  return checkWritten(unwritten(raw), options);
}

function check(
  { raw: written, doubtful, locate, bareAt, isText }: WrittenManifest,
  options: ManifestOptions,
): CheckedManifest | FaultyManifest {
  const raw = rendered(canonical(written), options.flameHome) as RawManifest;
  const shape = checkShape(raw).map((fault) => explained(asWritten(fault, bareAt(fault.at))));
  const wrong = new Set(shape.map((fault) => pathText(fault.at)));
  const values = [...valueFaults(raw, options), ...doubtful].filter(
    (fault) => !wrong.has(pathText(fault.at)),
  );
  const program = isText ? missingCommand(raw, shape) : [];
  const found = [...shape, ...sizeFaults(raw), ...values, ...program];
  const placed = (faults: readonly SchemaFault[]): readonly ManifestFault[] =>
    faults.map((fault) => toManifestFault(fault, locate)).sort(byPlace);
  if (found.length === 0) {
    const manifest = deepFreeze(structuredClone(raw?.spec) as ApplicationManifestSpec);
    const warnings = placed(warningsOf(manifest));
    return {
      ok: true,
      name: String(raw?.metadata?.name),
      manifest,
      spec: specOf(manifest),
      warnings,
    };
  }
  const name = raw?.metadata?.name;
  return { ok: false, name: typeof name === "string" ? name : undefined, faults: placed(found) };
}

/** What may be there once the shape has been looked at; wrong types included. */
interface RawDocument {
  readonly metadata?: { readonly name?: unknown } | null;
  readonly spec?: {
    readonly url?: unknown;
    readonly packages?: unknown;
    readonly working_directory?: unknown;
    readonly shim?: unknown;
    readonly command?: unknown;
    readonly schema?: Readonly<Record<string, unknown>> | null;
  } | null;
}
type RawManifest = RawDocument | null | undefined;

function rendered(raw: unknown, flameHome: string | undefined): unknown {
  const spec = (raw as RawManifest)?.spec;
  const path = spec?.working_directory;
  if (flameHome === undefined || typeof path !== "string") return raw;
  if (path !== VARIABLE && !path.startsWith(`${VARIABLE}/`)) return raw;
  const working_directory = flameHome + path.slice(VARIABLE.length);
  return { ...(raw as object), spec: { ...spec, working_directory } };
}

/** Adds what only this document's meaning can say to a fault of its shape. */
function explained(fault: SchemaFault): SchemaFault {
  const label = LABELS[pathText(fault.at)];
  const named = label === undefined ? fault : { ...fault, label };
  const hint = hintFor(fault);
  return hint === undefined ? named : { ...named, hint };
}

const LABELS: Readonly<Record<string, string>> = {
  "metadata.name": "invalid application name",
  "spec.url": "invalid url",
  "spec.working_directory": "invalid working_directory",
  "spec.schema.input": "invalid input schema",
  "spec.schema.output": "invalid output schema",
  "spec.schema.common_data": "invalid common data schema",
};

function hintFor({ rule, at, got }: SchemaFault): string | undefined {
  const key = String(at.at(-1));
  if (rule === "unknown-key") {
    const place = Object.hasOwn(PLACES, key) ? PLACES[key] : undefined;
    const parent = place?.slice(0, place.lastIndexOf("."));
    if (place === undefined || parent === pathText(at.slice(0, -1))) return undefined;
    return `it belongs under ${parent}: ${place}`;
  }
  if (rule === "working-directory" && got.includes(VARIABLE)) {
    return `only manifests that the server reads from a file may begin it with ${VARIABLE}`;
  }
  return undefined;
}

/** Where each key belongs, for those that stand elsewhere. */
const PLACES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(specKeys.map((key) => [key, `spec.${key}`])),
  name: "metadata.name",
  input: "spec.schema.input",
  output: "spec.schema.output",
  common_data: "spec.schema.common_data",
};

function sizeFaults(raw: RawManifest): readonly SchemaFault[] {
  const bytes = Buffer.byteLength(JSON.stringify(raw ?? null));
  if (bytes <= MANIFEST_BYTES_MAX) return [];
  const expected = `at most ${MANIFEST_BYTES_MAX} bytes as JSON`;
  return [{ rule: "manifest-too-large", at: [], part: "value", got: `${bytes} bytes`, expected }];
}

/** Rules that a schema cannot say: the url's form, entries of packages, and schemas that are texts. */
function valueFaults(raw: RawManifest, options: ManifestOptions): readonly SchemaFault[] {
  const faults: SchemaFault[] = [];
  const add = (
    at: DocumentPath,
    fault: Pick<SchemaFault, "rule" | "got" | "expected" | "hint">,
  ): void => {
    faults.push(explained({ ...fault, at, part: "value" }));
  };
  const { url, schema, packages } = raw?.spec ?? {};
  const parsed = typeof url === "string" ? parsePackageUrl(url, options.allowedSchemes) : undefined;
  if (parsed !== undefined && isUrlFault(parsed))
    add(["spec", "url"], { ...parsed, got: gotText(url) });
  for (const [at, entry] of Array.isArray(packages) ? packages.entries() : []) {
    const expected = typeof entry === "string" ? packageFault(entry) : undefined;
    if (expected !== undefined)
      add(["spec", "packages", at], { rule: "packages", got: gotText(entry), expected });
  }
  for (const key of ["input", "output", "common_data"]) {
    const text = schema?.[key];
    const fault = typeof text === "string" ? checkAttachedSchema(text) : undefined;
    if (fault !== undefined) add(["spec", "schema", key], fault);
  }
  return faults;
}

function toManifestFault({ at, part, ...rest }: SchemaFault, locate: Locate): ManifestFault {
  const kind = at[0] === "metadata" && at[1] === "name" ? "name" : "argument";
  return { ...rest, kind, path: pathText(at), ...locate(at, part) };
}

function byPlace(a: ManifestFault, b: ManifestFault): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
