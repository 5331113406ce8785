/** Starts to measure; the returned function tells the seconds since, as often as it is asked. Not a clock: it has no date. */
export function startStopwatch(): () => number {
  const began = performance.now();
  return () => (performance.now() - began) / 1000;
}
