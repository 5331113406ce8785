/**
 * Submits of one producer to one session with numbers that follow one another, and what they became: tasks with ids that
 * follow one another, or nothing, because they were refused.
 */
export interface SubmitRange {
  readonly sessionId: string;
  readonly producer: string;
  /** The number of the first. */
  readonly first: number;
  /** The id of its task; 0: they were refused. */
  readonly firstTask: number;
  readonly count: number;
}

/** Numbers that follow one another. */
export interface NumberSpan {
  readonly first: number;
  readonly count: number;
}
