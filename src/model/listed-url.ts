/**
 * Urls in lists of packages that uv reads on nodes. flamepy has the same rule in the same words, in _packages/urls.py, and
 * test/fixtures/listed-urls.json tests both.
 */

/** `NAME[EXTRAS] @ ...`, with blanks or without. */
const NAMED = /^[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*@\s*(.*)$/;
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//;
const HOST = String.raw`(?:[^\s/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:[\]]+)(?::[0-9]{1,5})?`;
/** uv takes no archives of other kinds. */
const WEB = new RegExp(
  String.raw`^https?://${HOST}/[^\s?#]*\.(?:whl|tar\.gz|zip)(?:\?[^\s#]*)?(?:#\S*)?$`,
);
const HASH = /[#&]sha256=([^&]*)/;
const GIT = ["git+https", "git+http", "git+ssh", "git+file"];

/** An entry with a url. */
export interface ListedUrl {
  /** As written; undefined for none, behind `NAME @`. */
  readonly scheme: string | undefined;
  readonly hasName: boolean;
  readonly url: string;
  /** What stands behind the url. */
  readonly rest: string;
}

/** The url of an entry; undefined for a requirement without one. */
export function listedUrl(entry: string): ListedUrl | undefined {
  const named = NAMED.exec(entry);
  if (named === null && !SCHEME.test(entry)) return undefined;
  const [, url = "", rest = ""] = /^(\S*)\s*(.*)$/.exec(named?.[1] ?? entry) ?? [];
  return { scheme: SCHEME.exec(url)?.[1], hasName: named !== null, url, rest };
}

/** What is expected in place of a url that uv does not take; undefined: nothing else. */
export function listedUrlFault({ scheme, url, rest }: ListedUrl): string | undefined {
  if (scheme === undefined) return "a url behind the @, such as https://HOST/thing-1.0.tar.gz";
  if (!["https", "http", "file", ...GIT].includes(scheme))
    // Without a name it is no business of uv's.
    return /^grpcs?$/i.test(scheme)
      ? "no name in front of the url of an upload"
      : `a url of https, http, file, ${GIT.join(", ")}, or grpc and grpcs for uploads, in small letters`;
  if (rest !== "" && !rest.startsWith(";"))
    return "a url without blanks, and behind it at most a blank and a marker such as ; python_version < '3.13'";
  if (!scheme.startsWith("http")) return undefined;
  if (!WEB.test(url))
    return `a wheel (.whl) or an archive (.tar.gz, .zip) at ${scheme}://HOST/PATH`;
  const hash = HASH.exec(url)?.[1];
  return hash === undefined || /^[0-9a-f]{64}$/i.test(hash)
    ? undefined
    : "#sha256= and the 64 hex digits of its content";
}
