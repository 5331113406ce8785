import type { StoredObject } from "./object-store.ts";
import type { DescribedPiece } from "./piece-file.ts";

/** What the files of a folder make up. */
export interface Assembled {
  readonly objects: StoredObject[];
  /** Replaced or deleted before a crash kept the cache from removing the file. */
  readonly leftovers: DescribedPiece[];
  /** Patches whose object, or whose patch before, is not there. */
  readonly orphans: DescribedPiece[];
}

/** Puts pieces together to objects: the newest base of a key that was not deleted since, and its unbroken patches. */
export function assembleObjects(
  found: readonly DescribedPiece[],
  lastDeletedVersion: (key: string) => number,
): Assembled {
  const assembled: Assembled = { objects: [], leftovers: [], orphans: [] };
  const byKey = new Map<string, DescribedPiece[]>();
  for (const described of found) {
    const pieces = byKey.get(described.key);
    if (pieces === undefined) byKey.set(described.key, [described]);
    else pieces.push(described);
  }
  for (const [key, pieces] of byKey) assemble(assembled, key, pieces, lastDeletedVersion(key));
  return assembled;
}

function assemble(
  assembled: Assembled,
  key: string,
  pieces: readonly DescribedPiece[],
  deletedVersion: number,
): void {
  const ascending = pieces.toSorted((a, b) => a.piece.version - b.piece.version);
  const live = ascending.filter(({ piece }) => piece.version > deletedVersion);
  const base = live.findLast(({ piece }) => piece.kind === "base");
  if (base === undefined) {
    assembled.leftovers.push(...ascending.filter((piece) => !live.includes(piece)));
    assembled.orphans.push(...live);
    return;
  }
  const patches = live.filter(({ piece }) => piece.version > base.piece.version);
  const isUnbroken = (patch: DescribedPiece, index: number): boolean =>
    patch.piece.version === base.piece.version + index + 1;
  const gap = patches.findIndex((patch, index) => !isUnbroken(patch, index));
  const kept = gap < 0 ? patches : patches.slice(0, gap);
  assembled.objects.push({ key, base: base.piece, patches: kept.map(({ piece }) => piece) });
  assembled.orphans.push(...patches.slice(kept.length));
  assembled.leftovers.push(
    ...ascending.filter((piece) => piece !== base && !patches.includes(piece)),
  );
}
