import { listedUrl, listedUrlFault } from "./listed-url.ts";

/** More entries no list has, and no entry more characters. */
export const packagesMax = 256;
const entryCharsMax = 4096;

const UPLOAD = /^grpcs?:\/\/[^/\s]+\/.*#sha256=[0-9a-f]{64}$/i;
const FILE = /^file:\/\/(localhost)?\/[^?#]+(#sha256=[0-9a-f]{64})?$/i;

/**
 * What is wrong with an entry of a list of packages; undefined: nothing that can be told without a resolver. It becomes a line of
 * a file of requirements on a node, so what would mean something else there is refused.
 */
export function packageFault(entry: string): string | undefined {
  if (entry.trim() === "") return "a requirement such as numpy>=2; an entry is empty";
  if (entry.length > entryCharsMax) return `at most ${entryCharsMax} characters`;
  // eslint-disable-next-line no-control-regex -- a line break would begin another line of the file
  if (/[\u0000-\u001f\u007f]/.test(entry)) return "one line without control characters";
  if (entry.includes("$")) return "no '$': variables are not expanded";
  if (!/^[A-Za-z0-9]/.test(entry))
    return "a requirement such as numpy>=2, or a url; neither an option nor a relative path";
  const url = listedUrl(entry);
  const scheme = url?.hasName === true ? undefined : url?.scheme?.toLowerCase();
  if (scheme === "grpc" || scheme === "grpcs")
    return UPLOAD.test(entry)
      ? undefined
      : `${scheme}://HOST:PORT/KEY of an upload, with #sha256= and the 64 hex digits of its content`;
  if (scheme === "file")
    return FILE.test(entry)
      ? undefined
      : "file:/// and the absolute path of a wheel or an archive, which may end with #sha256=";
  if (url !== undefined) return listedUrlFault(url);
  const [beforeMarker = ""] = entry.split(";");
  return beforeMarker.includes("/")
    ? "a requirement such as numpy>=2, or a url: a path means nothing on a node, flamepy uploads what lies there"
    : undefined;
}

/** What is wrong with a list of packages: which entry, and what was expected. */
export function packagesFault(entries: readonly string[]): string | undefined {
  if (entries.length > packagesMax)
    return `packages: got ${entries.length} entries, expected at most ${packagesMax}`;
  for (const [at, entry] of entries.entries()) {
    const expected = packageFault(entry);
    if (expected !== undefined)
      return `packages[${at}]: got ${JSON.stringify(entry.slice(0, 200))}, expected ${expected}`;
  }
  return undefined;
}
