import { join, resolve } from "node:path";

/** Where the session manager keeps its state. */
export type ClusterStorage =
  | { readonly kind: "sqlite"; readonly file: string }
  | { readonly kind: "memory" };

/** Where the object cache keeps objects. */
export type CacheStorage =
  | { readonly kind: "disk"; readonly dir: string }
  | { readonly kind: "memory" };

/** Name of the SQLite file in a folder that a `fs://` storage names. */
const FILE_IN_FOLDER = "flame.db";

const SCHEME = /^([a-z][a-z0-9+.-]*):(?:\/\/)?(.*)$/i;

/**
 * Reads `cluster.storage`. Relative paths are under `dataDir`.
 * Undefined when the text is none of the known forms; `warning` when it means something else than it once did.
 */
export function parseClusterStorage(
  text: string,
  dataDir: string,
): { storage: ClusterStorage; warning?: string } | undefined {
  if (text.trim().toLowerCase() === "none") return { storage: { kind: "memory" } };
  const [, scheme = "", rest = ""] = SCHEME.exec(text.trim()) ?? [];
  const path = rest.replace(/\?.*$/, "");
  if (path === "" || path === ":memory:") return undefined;
  switch (scheme.toLowerCase()) {
    case "sqlite":
      return { storage: { kind: "sqlite", file: resolve(dataDir, path) } };
    case "fs":
    case "file":
    case "filesystem": {
      const file = join(resolve(dataDir, path), FILE_IN_FOLDER);
      const warning = `cluster.storage ${text} is kept as one SQLite file: ${file}`;
      return { storage: { kind: "sqlite", file }, warning };
    }
    default:
      return undefined;
  }
}

/**
 * Reads `cache.storage`: a path, `fs://` or `file://` with one, or `none` (or empty) for memory. Undefined for another
 * scheme.
 */
export function parseCacheStorage(text: string, dataDir: string): CacheStorage | undefined {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.toLowerCase() === "none") return { kind: "memory" };
  const path = trimmed.replace(/^(?:fs|file):\/\//i, "");
  if (path === "" || /^[a-z][a-z0-9+.-]*:\/\//i.test(path)) return undefined;
  return { kind: "disk", dir: resolve(dataDir, path) };
}
