/** Learns what the cache does. */
export interface CacheMeter {
  /** A put or patch was made durable. */
  stored(operation: "put" | "patch", bytes: number): void;
  /** A client asked for an object: what it was answered. */
  viewed(answer: "unchanged" | "table" | "full" | "patches" | "missing"): void;
  /** A piece of an object was read. */
  read(from: "memory" | "store", bytes: number): void;
  deleted(objects: number): void;
}
