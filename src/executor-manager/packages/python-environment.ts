import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { FlameHome } from "../../config/flame-home.ts";
import { FlameError } from "../../model/errors.ts";
import { pythonVersionOf } from "../../process/python-version.ts";

/** A prepared Python environment of services. */
export interface PythonEnvironment {
  /** The virtual environment's folder. */
  readonly folder: string;
  /** Absolute. */
  readonly interpreter: string;
  /** Such as `3.12.1`. */
  readonly version: string;
  /** Such as `3.12`. */
  readonly minor: string;
  /** What is installed in it: normalised name to version. */
  readonly distributions: ReadonlyMap<string, string>;
}

/**
 * The environment that a service runs in: the one of flmrun, or the one beside it for the minor version that
 * FLAME_PYTHON_VERSION asks for.
 * @throws FlameError not_found naming the missing folder and the command that makes it.
 */
export async function findPythonEnvironment(
  home: FlameHome,
  wanted: string | undefined,
): Promise<PythonEnvironment> {
  const minor = wanted === undefined ? undefined : minorOf(wanted);
  const base = join(home.flmrun, ".venv");
  const version = await pythonVersionOf(base);
  if (version !== undefined && (minor === undefined || minorOf(version) === minor))
    return describe(base, version);
  const folder = minor === undefined ? base : `${base}-${minor}`;
  const other = minor === undefined ? undefined : await pythonVersionOf(folder);
  if (other !== undefined) return describe(folder, other);
  throw new FlameError(
    "not_found",
    `this node has no environment for Python ${minor ?? ""}: "${folder}" is missing; make it with: ` +
      `UV_PROJECT_ENVIRONMENT="${folder}" "${join(home.bin, "uv")}" sync --project "${home.flmrun}"` +
      (minor === undefined ? "" : ` --python ${minor} (or the full path of such a Python)`),
  );
}

/** @throws FlameError invalid_argument for anything but a version such as 3.12, 3.12.1 or python3.12. */
function minorOf(version: string): string {
  const minor = /^(?:python)?(\d+\.\d+)(?:\.\d+)?$/.exec(version.trim())?.[1];
  if (minor !== undefined) return minor;
  throw new FlameError(
    "invalid_argument",
    `FLAME_PYTHON_VERSION: got "${version}", expected a version such as 3.12`,
  );
}

async function describe(folder: string, version: string): Promise<PythonEnvironment> {
  const minor = minorOf(version);
  const site = join(folder, "lib", `python${minor}`, "site-packages");
  const names = await readdir(site).catch(() => []);
  const found = names.flatMap((name): [string, string][] => {
    const [, distribution, itsVersion] = /^(.+)-([^-]+)\.dist-info$/.exec(name) ?? [];
    return distribution === undefined || itsVersion === undefined
      ? []
      : [[normalised(distribution), itsVersion]];
  });
  found.sort(([a], [b]) => (a < b ? -1 : 1));
  const interpreter = join(folder, "bin", "python");
  return { folder, interpreter, version, minor, distributions: new Map(found) };
}

/** A distribution's name as indexes compare it. */
function normalised(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "-");
}
