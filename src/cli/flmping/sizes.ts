import { FlameError } from "../../model/errors.ts";

const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?$/i;
const powers: Readonly<Record<string, number>> = { "": 0, k: 1, m: 2, g: 3, t: 4 };

/**
 * Bytes of a size such as `1MiB` (binary), `1MB` or `1M` (decimal), `512`; in any case.
 * @throws FlameError invalid_argument for anything else.
 */
export function parseByteSize(text: string): number {
  const [, count, letter, binary] = SIZE.exec(text.trim()) ?? [];
  const power = powers[letter?.toLowerCase() ?? "none"];
  if (count === undefined || power === undefined || (binary !== "" && power === 0)) {
    throw new FlameError(
      "invalid_argument",
      `invalid size: got "${text}", expected digits with an optional unit, such as 512, 1MB (decimal) or 1MiB (binary)`,
    );
  }
  return Math.floor(Number(count) * (binary === "" ? 1000 : 1024) ** power);
}
