/** The number of single-character edits (insert, delete, replace, swap neighbours) between two short words. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (row[j - 1] ?? 0) + 1,
        (last[j] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** Longer words are never misspellings of ours; comparing them would only cost time. */
const WORD_CHARACTERS_MAX = 64;

const bare = (word: string): string => word.toLowerCase().replaceAll(/[-_\s]/g, "");

/** Fewer letters are the beginning of too many words. */
const PREFIX_CHARACTERS_MIN = 3;

/**
 * The known word that was probably meant, or undefined when none is near: a third of its letters may differ, or it may be
 * cut short or made longer when it is the only one that begins like that.
 */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > WORD_CHARACTERS_MAX) return undefined;
  let best: { word: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(bare(word), bare(candidate));
    const allowed = Math.max(1, Math.floor(candidate.length / 3));
    if (distance <= allowed && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { word: candidate, distance };
    }
  }
  return best?.word ?? sameBeginning(bare(word), known);
}

function sameBeginning(word: string, known: readonly string[]): string | undefined {
  const like = known.filter((candidate) => {
    const [short = "", long = ""] = [word, bare(candidate)].sort((a, b) => a.length - b.length);
    return short.length >= PREFIX_CHARACTERS_MIN && long.startsWith(short);
  });
  return like.length === 1 ? like[0] : undefined;
}
