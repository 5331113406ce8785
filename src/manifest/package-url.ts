/** The parts of an application's `url` (docs/protocol.md, "Package urls"). */
export interface PackageUrl {
  readonly scheme: "file" | "grpc" | "grpcs" | "http" | "https";
  /** Host and port as written; empty for `file`. */
  readonly authority: string;
  /** From the first slash on, still percent-encoded, without the pin. */
  readonly path: string;
  /** Lower-case hex of the content that the url is pinned to. */
  readonly sha256: string | undefined;
}

/** What is wrong with a url. */
export interface UrlFault {
  readonly rule: "url-form" | "url-scheme" | "url-host" | "url-path" | "url-pin";
  readonly expected: string;
  readonly hint?: string;
}

const ALWAYS_ALLOWED: readonly string[] = ["file", "grpc", "grpcs"];

/**
 * Schemes in the form in which texts name them: `file://, grpc:// or grpcs://`. Those that clusters may allow come with
 * that condition: whoever writes a url does not always know the cluster.
 */
function schemesText(allowed: readonly string[]): string {
  const names = ALWAYS_ALLOWED.map((scheme) => `${scheme}://`);
  const always = `${names.slice(0, -1).join(", ")} or ${names.at(-1) ?? ""}`;
  if (allowed.length === 0) return always;
  const sometimes = allowed.map((scheme) => `${scheme}://`).join(" and ");
  return `${always} (${sometimes} only where packages.allowed_schemes of the cluster lists them)`;
}

/**
 * Reads a package url: `file://` with no host or localhost and an absolute path, `grpc://` and `grpcs://` of the object
 * cache, `http://` and `https://` only when `alsoAllowed` lists them; `#sha256=` and 64 hex digits may end any of them.
 */
export function parsePackageUrl(
  text: string,
  alsoAllowed: readonly string[] = [],
): PackageUrl | UrlFault {
  const [, scheme = "", rest = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s.exec(text) ?? [];
  if (scheme === "") {
    return {
      rule: "url-form",
      expected: `a url that begins with ${schemesText(alsoAllowed)}`,
      ...formHint(text),
    };
  }
  if (!ALWAYS_ALLOWED.includes(scheme) && !alsoAllowed.includes(scheme)) {
    return { rule: "url-scheme", expected: schemesText(alsoAllowed), ...schemeHint(scheme) };
  }
  const [, authority = "", path = "", fragment] = /^([^/?#]*)([^#]*)(?:#(.*))?$/s.exec(rest) ?? [];
  const sha256 =
    fragment === undefined ? undefined : /^sha256=([0-9a-fA-F]{64})$/.exec(fragment)?.[1];
  if (fragment !== undefined && sha256 === undefined) {
    return { rule: "url-pin", expected: "nothing after '#' but sha256= and 64 hex digits" };
  }
  const fault =
    scheme === "file" ? fileFault(authority, path) : remoteFault(scheme, authority, path);
  if (fault !== undefined) return fault;
  return {
    scheme: scheme as PackageUrl["scheme"],
    authority: scheme === "file" ? "" : authority,
    path,
    sha256: sha256?.toLowerCase(),
  };
}

/** True when `parsePackageUrl` found a fault. */
export function isUrlFault(result: PackageUrl | UrlFault): result is UrlFault {
  return "rule" in result;
}

function formHint(text: string): { hint?: string } {
  const path = /^(?:file:)?(\/.*)$/s.exec(text)?.[1];
  if (path !== undefined) return { hint: `did you mean "file://${path.replace(/^\/+/, "/")}"?` };
  return text.trim() === "" ? { hint: "remove the key when there is no package" } : {};
}

function schemeHint(scheme: string): { hint?: string } {
  if (scheme === "http" || scheme === "https") {
    return {
      hint: `list ${scheme} in packages.allowed_schemes of the cluster configuration to allow it`,
    };
  }
  const lower = scheme.toLowerCase();
  return ALWAYS_ALLOWED.includes(lower) ? { hint: `did you mean "${lower}://"?` } : {};
}

function fileFault(authority: string, path: string): UrlFault | undefined {
  if (authority.includes("$") || path.startsWith("/$")) {
    const hint = "variables are not expanded in a url: write the path itself";
    return { rule: "url-host", expected: "file:// and an absolute path", hint };
  }
  if (authority !== "" && authority !== "localhost") {
    const hint = `did you mean "file:///${authority}${path}"?`;
    return {
      rule: "url-host",
      expected: "file:// with no host or localhost, then an absolute path",
      hint,
    };
  }
  const expected = "file:// and the absolute path of a package, percent-encoded";
  return isFilePath(path) ? pathFault(path, expected) : { rule: "url-path", expected };
}

/** What the executor manager can turn into a path: no query, no broken escapes, no escaped slash or NUL. */
function isFilePath(path: string): boolean {
  if (/\?|%2f|%00/i.test(path)) return false;
  return !/%(?![0-9a-f]{2})/i.test(path);
}

function remoteFault(scheme: string, authority: string, path: string): UrlFault | undefined {
  if (!/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?$/.test(authority)) {
    return { rule: "url-host", expected: `${scheme}://HOST:PORT/PATH` };
  }
  return pathFault(path, `${scheme}://HOST:PORT/ and the path of a package`);
}

function pathFault(path: string, expected: string): UrlFault | undefined {
  const hasControls = /\p{Cc}/u.test(path);
  const names = path.split("?")[0]?.replaceAll("/", "") ?? "";
  if (!path.startsWith("/") || names === "" || hasControls) return { rule: "url-path", expected };
  return undefined;
}
