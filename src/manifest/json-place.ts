/** What JSON.parse says of a text that only ends too early. */
const CUT_SHORT = /end of JSON input|^Unterminated string/;

/**
 * Where a text stops being JSON: line and column from 1, and the reason; undefined for JSON. JSON.parse names no place for
 * some faults, such as comments: the longest beginning that could still become JSON ends there.
 */
export function whereJsonEnds(
  text: string,
): { readonly line: number; readonly column: number; readonly reason: string } | undefined {
  const whole = reasonOf(text);
  if (whole === undefined) return undefined;
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (couldGoOn(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  const before = text.slice(0, good).split("\n");
  const reason = whole.replace(/(?: in JSON)? at position \d+.*$|, [^]* is not valid JSON$/, "");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, reason };
}

function couldGoOn(beginning: string): boolean {
  const reason = reasonOf(beginning);
  if (reason === undefined || CUT_SHORT.test(reason)) return true;
  return Number(/at position (\d+)/.exec(reason)?.[1] ?? -1) === beginning.length;
}

function reasonOf(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
