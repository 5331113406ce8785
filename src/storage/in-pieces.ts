/** So many rows, or rows of so many bytes, are read at once: about a millisecond, in which nobody else has the event loop. */
export const rowsAtOnce = 256;
export const bytesAtOnce = 1024 * 1024;

/** Reads each of many, a piece at a time: others have a turn of the event loop between two pieces. */
export async function readEach<Q>(
  wanted: readonly Q[],
  read: (one: Q) => Buffer | undefined,
): Promise<(Buffer | undefined)[]> {
  const found: (Buffer | undefined)[] = [];
  let [rows, bytes] = [0, 0];
  for (const one of wanted) {
    if (rows === rowsAtOnce || bytes >= bytesAtOnce) {
      await turnOfOthers();
      [rows, bytes] = [0, 0];
    }
    const data = read(one);
    rows++;
    bytes += data?.length ?? 0;
    found.push(data);
  }
  return found;
}

/**
 * Reads a list, a piece at a time: others have a turn of the event loop between two pieces.
 * @param read rows behind the last of those that were read, at most so many; fewer are all that are left, and `undefined`
 *   says that what the list is of is there no more
 * @returns undefined, too, when it went between two pieces
 */
export async function readList<R>(
  limit: number,
  read: (
    last: R | undefined,
    rows: number,
  ) => readonly R[] | undefined | Promise<readonly R[] | undefined>,
): Promise<readonly R[] | undefined> {
  let found: R[] = [];
  for (;;) {
    const rows = Math.min(rowsAtOnce, limit - found.length);
    const piece = await read(found.at(-1), rows);
    if (piece === undefined) return undefined;
    found = found.length === 0 ? [...piece] : found.concat(piece);
    if (piece.length < rows || found.length >= limit) return found;
    await turnOfOthers();
  }
}

function turnOfOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
