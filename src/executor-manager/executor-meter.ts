/** Learns what executors do; all times in seconds. */
export interface ExecutorMeter {
  /** A session was entered, package and start of the service included; `returnCode` 0, or why not. */
  bound(seconds: number, returnCode: number): void;
  /** A task was run: answered by the service with success or failure, or cut short by its end. */
  invoked(seconds: number, outcome: "succeed" | "failed" | "crashed"): void;
}
