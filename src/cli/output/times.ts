/** `HH:MM:SS` in UTC. */
export function timeOfDay(time: Date): string {
  return time.toISOString().slice(11, 19);
}

/** `HH:MM:SS.mmm` in UTC. */
export function preciseTimeOfDay(time: Date): string {
  return time.toISOString().slice(11, 23);
}

/** Unix seconds, the unit of times in JSON and YAML. */
export function unixSeconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}

/** RFC 3339 in whole seconds, UTC. */
export function timestamp(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
];

/** Whole seconds as `1d 2h 3m 4s` without the units that are zero; `0s` for none, `-1m 5s` below zero. */
export function compactDuration(seconds: number): string {
  let rest = Math.abs(seconds);
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  if (parts.length === 0) return "0s";
  return `${seconds < 0 ? "-" : ""}${parts.join(" ")}`;
}

/** How long ago, in its largest unit: `4m ago`. */
export function ago(time: Date, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - time.getTime()) / 1000));
  const [unit, size] = UNITS.find(([, each]) => seconds >= each) ?? ["s", 1];
  return `${Math.floor(seconds / size)}${unit} ago`;
}

/** How the natural forms write times: how long ago for a person, RFC 3339 for a program. */
export function naturalTime(
  { interactive }: { readonly interactive: boolean },
  clock: { now(): number },
): (at: Date) => string {
  return (at) => (interactive ? ago(at, clock.now()) : timestamp(at));
}
