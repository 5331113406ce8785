/**
 * Polls `probe` until it yields something other than undefined, null or false, and returns that.
 * @param what names the awaited thing in the error.
 * @param options.deadlineMs how long at most (default 10,000 ms); `intervalMs` between probes (default 10 ms);
 *   `giveUp` says that waiting is pointless.
 * @throws Error when the deadline passes, with the probe's last failure as `cause`.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T> | T,
  options: { deadlineMs?: number; intervalMs?: number; giveUp?: () => boolean } = {},
): Promise<Exclude<T, undefined | null | false>> {
  const { deadlineMs = 10_000, intervalMs = 10, giveUp = () => false } = options;
  const deadline = performance.now() + deadlineMs;
  let lastFailure: unknown;
  for (;;) {
    try {
      const found = await probe();
      if (found !== undefined && found !== null && found !== false) {
        return found as Exclude<T, undefined | null | false>;
      }
    } catch (failure) {
      lastFailure = failure;
    }
    if (giveUp()) throw new Error(`${what}: will not happen any more`, { cause: lastFailure });
    if (performance.now() >= deadline) {
      throw new Error(`${what}: not within ${deadlineMs} ms`, { cause: lastFailure });
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
