/** Runs the tasks of a local queue, and has some of them ahead of time. */
export interface AheadRunner {
  /** Asks the service for what has not begun; the `unlend` of the queue is told the answer. */
  recall(): void;
  /** Tasks came, or something that kept them from beginning is over. */
  goOn(): void;
}
