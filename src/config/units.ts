const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a number (already milliseconds) or of `500ms`, `30s`, `10m`, `1h`; the schema has checked the form. */
export function durationMs(value: number | string): number {
  if (typeof value === "number") return value;
  const [, count, unit] = /^(\d+)(ms|s|m|h)$/.exec(value) ?? [];
  return Number(count) * (UNITS_MS[unit ?? ""] ?? Number.NaN);
}

/** The longest delay that a timer of the platform can hold. */
export const DURATION_MS_MAX = 2 ** 31 - 1;
