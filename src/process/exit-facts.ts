/** How a process ended: exactly one of the two is set. */
export interface ExitFacts {
  readonly code: number | null;
  readonly signal: string | null;
}

/** `exit code 3` or `signal SIGSEGV`, for error texts. */
export function describeExit(facts: ExitFacts): string {
  if (facts.signal !== null) return `signal ${facts.signal}`;
  return `exit code ${facts.code ?? "unknown"}`;
}
