import type { CheckedManifest } from "../manifest/manifest.ts";
import { faultsText, type ManifestFile } from "./manifest-file.ts";

/** A file's word on one application. */
export interface Claim {
  readonly path: string;
  readonly manifest: CheckedManifest;
}

/** What is wrong with a file, for one application. */
export interface ClaimFault {
  /** The application; empty when the file names none that could be read. */
  readonly name: string;
  readonly path: string;
  readonly reason: string;
}

export interface Claims {
  /** By application: the one file that speaks for it. */
  readonly applications: ReadonlyMap<string, Claim>;
  readonly faults: readonly ClaimFault[];
}

/** Who keeps an application at present: what it is kept by, for each application that has such. */
export type Keepers = ReadonlyMap<string, string>;

/**
 * Which file speaks for which application. Of two that want the same one, that which keeps it already does, else the
 * first; the other is at fault. What a broken file keeps stays as it is, and has its fault.
 */
export function claimsOf(files: Iterable<ManifestFile>, keepers: Keepers): Claims {
  const applications = new Map<string, Claim>();
  const all = [...files];
  const faults = all.flatMap((file) => (file.ok ? [] : faultsOfFile(file, keepers)));
  for (const file of all) {
    if (!file.ok) continue;
    for (const manifest of file.documents) {
      const { name } = manifest;
      const claim = { path: file.path, manifest };
      const first = applications.get(name);
      const wins = first === undefined || keepers.get(name) === file.path;
      if (wins) applications.set(name, claim);
      const [loser, winner] = wins ? [first, claim] : [claim, first];
      if (loser !== undefined) faults.push(duplicate(name, loser, winner));
    }
  }
  return { applications, faults };
}

function duplicate(name: string, loser: Claim, winner: Claim): ClaimFault {
  const reason = `got the application ${name}, which ${winner.path} has too and keeps; take it out of one of them`;
  return { name, path: loser.path, reason };
}

function faultsOfFile(
  { path, faults }: Extract<ManifestFile, { ok: false }>,
  keepers: Keepers,
): readonly ClaimFault[] {
  const named = faults.flatMap(({ name }) => name ?? []);
  const kept = [...keepers].filter(([, keeper]) => keeper === path).map(([name]) => name);
  const names = new Set([...named, ...kept]);
  const reason = faultsText(faults);
  return [...(names.size === 0 ? [""] : names)].map((name) => ({ name, path, reason }));
}
