/** What the client hands to the session, for all of its tasks. */
export interface Rules {
  /** Words that do not count, in lower case. */
  readonly ignore: readonly string[];
}

/** The input of a task. */
export interface Text {
  readonly text: string;
}

/** Its output. */
export interface Count {
  readonly words: number;
  readonly longest: string;
}
