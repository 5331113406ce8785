import { FlameError } from "../../model/errors.ts";

/** Every way to install a package. */
export const installers = ["python", "binary"] as const;
export type Installer = (typeof installers)[number];

/** What lies behind a url. */
export type PackageForm = "wheel" | "archive" | "directory" | "other";

/** Archives that are unpacked, by the end of their name. */
const ARCHIVES = [".tar.gz", ".tgz", ".zip"];

/**
 * The installer that an application names, in any case.
 * @throws FlameError invalid_argument naming the known ones.
 */
export function readInstaller(text: string | undefined): Installer | undefined {
  if (text === undefined) return undefined;
  const known = installers.find((name) => name === text.toLowerCase());
  if (known !== undefined) return known;
  throw new FlameError(
    "invalid_argument",
    `installer: got "${text}", expected one of ${installers.join(", ")}`,
  );
}

/** Tells by its name what a file is. */
export function formOf(path: string, isDirectory: boolean): PackageForm {
  if (isDirectory) return "directory";
  const name = path.toLowerCase();
  if (name.endsWith(".whl")) return "wheel";
  return ARCHIVES.some((end) => name.endsWith(end)) ? "archive" : "other";
}

/**
 * Which installer takes a package; undefined when it is left alone: a plain file that no installer was named for
 * is the service's own business.
 * @throws FlameError invalid_argument for what the named installer cannot take.
 */
export function chooseInstaller(
  named: Installer | undefined,
  form: PackageForm,
): Installer | undefined {
  if (named === undefined) return form === "other" ? undefined : "python";
  const fits = named === "python" ? form !== "other" : form === "archive" || form === "directory";
  if (fits) return named;
  const wheels = named === "python" ? "a wheel (.whl), " : "";
  throw new FlameError(
    "invalid_argument",
    `unsupported archive format, expected for installer ${named} ${wheels}an archive (${ARCHIVES.join(", ")}) or a directory`,
  );
}
