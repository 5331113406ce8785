import { fileURLToPath } from "node:url";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";

/** Where a package comes from. */
export type PackageLocation = {
  /** What the content must hash to, in lower-case hex; undefined when the url does not pin it. */
  readonly sha256: string | undefined;
} & (
  | { readonly kind: "file"; readonly path: string }
  | {
      /** A file of a web server. */
      readonly kind: "web";
      readonly url: string;
      readonly name: string;
    }
  | {
      /** An object of a cache. */
      readonly kind: "object";
      /** `grpc://host:port` or `grpcs://host:port`. */
      readonly endpoint: string;
      readonly key: string;
      /** The last part of the key: tells what the object is. */
      readonly name: string;
    }
);

const PIN = /#sha256=([0-9a-fA-F]{64})$/;

type Refuse = (why: string) => FlameError;

/**
 * Reads the url of a package (docs/protocol.md, "Packages").
 * @throws FlameError invalid_argument saying what is wrong with it and what this node can read.
 */
export function readPackageUrl(url: string): PackageLocation {
  const pin = PIN.exec(url);
  const location = pin === null ? url : url.slice(0, pin.index);
  const sha256 = pin?.[1]?.toLowerCase();
  const refuse: Refuse = (why) => new FlameError("invalid_argument", why);
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(location)?.[1]?.toLowerCase();
  if (scheme === "file")
    return { kind: "file", path: pathOf(parsed(location, refuse), refuse), sha256 };
  if (scheme === "grpc" || scheme === "grpcs")
    return { kind: "object", ...objectOf(location, scheme, refuse), sha256 };
  if (scheme === "http" || scheme === "https")
    return { kind: "web", url: location, name: webName(location, refuse), sha256 };
  throw refuse(
    `got scheme "${scheme ?? ""}", expected file://, such as file:///opt/app.whl, grpc:// or grpcs:// of an object cache, http:// or https://`,
  );
}

/** Whether a file url begins with a variable, as that of the published flmping: nobody expands urls. */
export function beginsWithVariable(url: string): boolean {
  return /^file:\/*\$/i.test(url);
}

function pathOf(url: URL, refuse: Refuse): string {
  // The URL library drops "localhost" from file urls by itself.
  if (url.host !== "") throw refuse(`got host "${url.host}", expected none or localhost`);
  try {
    return fileURLToPath(url);
  } catch (thrown) {
    throw refuse(textOf(thrown));
  }
}

function parsed(location: string, refuse: Refuse): URL {
  let url: URL;
  try {
    url = new URL(location);
  } catch {
    throw refuse("it cannot be read as a url");
  }
  if (url.search !== "" || url.hash !== "")
    throw refuse('expected nothing after the path but "#sha256=" and 64 hex digits');
  return url;
}

function webName(location: string, refuse: Refuse): string {
  let name: string;
  try {
    name = decodeURIComponent(new URL(location).pathname.split("/").at(-1) ?? "");
  } catch {
    throw refuse("it cannot be read as a url");
  }
  if (!isFileName(name)) throw refuse("expected a path that ends with the name of a file");
  return name;
}

/** The name becomes one of a file here. */
function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
}

function objectOf(
  location: string,
  scheme: "grpc" | "grpcs",
  refuse: Refuse,
): { endpoint: string; key: string; name: string } {
  const url = parsed(location, refuse);
  let key: string;
  try {
    key = decodeURIComponent(url.pathname.replace(/^\//, ""));
  } catch {
    throw refuse(`got path "${url.pathname}", expected one whose "%" begin an escape such as %20`);
  }
  const name = key.slice(key.lastIndexOf("/") + 1);
  if (url.host === "" || !isFileName(name))
    throw refuse(
      `expected ${scheme}://HOST:PORT/ and the key of an object, such as app/pkg/app.tar.gz`,
    );
  return { endpoint: `${scheme}://${url.host}`, key, name };
}
