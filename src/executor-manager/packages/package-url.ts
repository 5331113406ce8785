import { fileURLToPath } from "node:url";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";

/** Where a package lies on this node. */
export interface PackageLocation {
  readonly path: string;
  /** What the content must hash to, in lower-case hex; undefined when the url does not pin it. */
  readonly sha256: string | undefined;
}

const PIN = /#sha256=([0-9a-fA-F]{64})$/;

/**
 * Reads the url of a package (docs/protocol.md, "Packages").
 * @throws FlameError invalid_argument saying what is wrong with it and what this node can read.
 */
export function readPackageUrl(url: string): PackageLocation {
  const pin = PIN.exec(url);
  const location = pin === null ? url : url.slice(0, pin.index);
  const refuse = (why: string): FlameError => new FlameError("invalid_argument", why);
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(location)?.[1]?.toLowerCase();
  if (scheme === "grpc" || scheme === "grpcs") {
    throw refuse(
      "packages from the object cache are not served yet by this version's executor manager; use a file:// url",
    );
  }
  if (scheme !== "file")
    throw refuse(`got scheme "${scheme ?? ""}", expected file://, such as file:///opt/app.whl`);
  return { path: pathOf(location, refuse), sha256: pin?.[1]?.toLowerCase() };
}

function pathOf(location: string, refuse: (why: string) => FlameError): string {
  let parsed: URL;
  try {
    parsed = new URL(location);
  } catch {
    throw refuse("it cannot be read as a url");
  }
  // The URL library drops "localhost" from file urls by itself.
  if (parsed.host !== "") throw refuse(`got host "${parsed.host}", expected none or localhost`);
  if (parsed.search !== "" || parsed.hash !== "")
    throw refuse('expected nothing after the path but "#sha256=" and 64 hex digits');
  try {
    return fileURLToPath(parsed);
  } catch (thrown) {
    throw refuse(textOf(thrown));
  }
}
