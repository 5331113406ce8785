/** So often a start may read its state: the first time, and after each commit that the disk refused, once a second at most. */
const termsPerStart = 4_096;

/**
 * Numbers the readings of a start, above those of all starts before it.
 * @returns the next term; it throws when the start has none left, since the next one is of the start that follows
 */
export function termsOf(startNumber: number): () => number {
  const first = startNumber * termsPerStart;
  let next = first;
  return () => {
    if (next < first + termsPerStart) return next++;
    throw new Error(
      `the disk has refused ${termsPerStart - 1} commits since this session manager started: it must start anew`,
    );
  };
}
