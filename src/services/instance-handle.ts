/** A service that can be asked. */
export interface InstanceHandle {
  /** Resolves when nothing is asked any more: it was closed, or the executor manager ended its connections. */
  readonly over: Promise<void>;
  /** Ends what is under way, and removes the socket of one that is called. */
  close(): Promise<void>;
}
