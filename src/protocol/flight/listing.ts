/** What ListFlights tells of an object in `app_metadata`, as JSON (docs/object-cache.md, section 10). */
export interface Listing {
  /** Milliseconds since an object of its session was last put or asked for. */
  readonly idleMs: number;
}

export function encodeListing({ idleMs }: Listing): Buffer {
  return Buffer.from(JSON.stringify({ idle_ms: idleMs }));
}

/** undefined when the cache is one that does not tell, such as that of another product. */
export function decodeListing(appMetadata: Uint8Array): Listing | undefined {
  try {
    const said: unknown = JSON.parse(Buffer.from(appMetadata).toString());
    if (typeof said !== "object" || said === null || !("idle_ms" in said)) return undefined;
    return typeof said.idle_ms === "number" ? { idleMs: said.idle_ms } : undefined;
  } catch {
    return undefined;
  }
}
