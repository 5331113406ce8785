import { claimsOf } from "../manifest-directory/claims.ts";
import type { DirectoryLook } from "../manifest-directory/directory-reader.ts";
import type { ManifestFile } from "../manifest-directory/manifest-file.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { FlameError } from "../model/errors.ts";

/** What becomes of the shipped applications: registered where they are absent, made as shipped, or left alone. */
export type DefaultsMode = "absent" | "replace" | "none";

/** An application as it is to be in the cluster. */
export interface Wanted {
  readonly name: string;
  readonly manifest: ApplicationManifestSpec;
  /** Its file; absent for a shipped default. */
  readonly path?: string;
  /** False: only registered where it is absent, and otherwise left as it is. */
  readonly insist: boolean;
}

/** All that the controller wants of a cluster. */
export interface Wishes {
  readonly applications: ReadonlyMap<string, Wanted>;
  /** Applications whose file cannot be read as it is: they stay as they are. */
  readonly held: ReadonlySet<string>;
  /** `FILE:LINE:COLUMN: ...`, one line each. */
  readonly faults: readonly string[];
  /** False: the directory says nothing at the moment, so nothing may be removed for want of a file. */
  readonly complete: boolean;
}

/**
 * What the directory and the shipped defaults ask for. A file comes before the default of the same name, and of two such
 * defaults the later one counts.
 * @param keepers by application: the file that spoke for it last
 */
export function wishesOf(
  look: DirectoryLook | undefined,
  defaults: { readonly mode: DefaultsMode; readonly files: readonly ManifestFile[] },
  keepers: ReadonlyMap<string, string>,
): Wishes {
  const applications = new Map<string, Wanted>();
  const insist = defaults.mode === "replace";
  for (const { name, manifest } of defaults.mode === "none" ? [] : shipped(defaults.files)) {
    applications.set(name, { name, manifest, insist });
  }
  if (look === undefined) return { applications, held: new Set(), faults: [], complete: true };
  const claims = claimsOf(look.files.values(), keepers);
  for (const [name, { path, manifest }] of claims.applications) {
    applications.set(name, { name, manifest: manifest.manifest, path, insist: true });
  }
  const broken = claims.faults.filter(({ path }) => look.files.get(path)?.ok === false);
  const held = new Set(broken.map(({ name }) => name));
  const faults = new Set(claims.faults.map(({ path, reason }) => faultLine(path, reason)));
  const present = look.folder === "present";
  return { applications, held, faults: [...faults, ...folderFaults(look)], complete: present };
}

/** @throws FlameError internal when what is shipped is broken */
function shipped(
  files: readonly ManifestFile[],
): readonly { name: string; manifest: ApplicationManifestSpec }[] {
  return files.flatMap((file) => {
    if (file.ok) return file.documents;
    const texts = file.faults.map(({ text }) => faultLine(file.path, text));
    throw new FlameError("invalid_config", texts.join("; "));
  });
}

function folderFaults({ folder, reason }: DirectoryLook): readonly string[] {
  if (folder === "present") return [];
  if (folder === "missing") return ["the directory does not exist: nothing is changed or removed"];
  return [`the directory cannot be read: ${reason ?? ""}`];
}

function faultLine(path: string, reason: string): string {
  return `${path}${/^\d/.test(reason) ? ":" : ": "}${reason}`;
}
