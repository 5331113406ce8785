import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { FlameHome } from "../../config/flame-home.ts";
import type { PackageVariables } from "../service-environment.ts";
import { libraryFolders } from "./library-folders.ts";
import type { PackageSource } from "./package-source.ts";
import type { PythonEnvironment } from "./python-environment.ts";
import { uvCacheFolder } from "./run-uv.ts";

/** An installed package, ready to be used and never changed again. */
export interface InstalledPackage {
  /** What was installed, with what it requires; undefined for installer `binary`. */
  readonly deps: string | undefined;
  /** The unpacked sources; undefined for a wheel. */
  readonly src: string | undefined;
}

/** Our own Python service puts the package on `sys.path` when it enters a session and takes it off when it leaves. */
const OWN_SERVICE = /(^|[^A-Za-z0-9_.])flamepy\.(runner\.)?runpy($|[^A-Za-z0-9_.])/;

/** Whether the service puts packages on `sys.path` itself. */
export function entersPackages({ commandLine }: PackageSource): boolean {
  return commandLine.some((word) => OWN_SERVICE.test(word));
}

/** What a service that does not do that itself sees of a list of packages as well: behind what its own package brings. */
export async function withListed(
  { paths, values }: PackageVariables,
  environment: PythonEnvironment,
  folder: string,
): Promise<PackageVariables> {
  const own = values["FLAME_APP_SITE"]?.split(delimiter) ?? [];
  const folders = [...own, folder];
  return {
    paths: {
      ...paths,
      PATH: [...(paths["PATH"] ?? []), join(folder, "bin")],
      PYTHONPATH: siteFolders(environment, folders),
      LD_LIBRARY_PATH: [...(paths["LD_LIBRARY_PATH"] ?? []), ...(await libraryFolders(folder))],
    },
    values: { ...values, FLAME_APP_SITE: folders.join(delimiter) },
  };
}

/** What a service with installer `python` sees (docs/protocol.md, "Packages"). */
export async function pythonVariables(
  home: FlameHome,
  environment: PythonEnvironment,
  source: PackageSource,
  installed: InstalledPackage | undefined,
): Promise<PackageVariables> {
  const folders = [installed?.deps, sourceRoot(installed?.src)].filter(
    (folder) => folder !== undefined,
  );
  const scripts =
    installed?.deps === undefined
      ? []
      : [join(installed.deps, "bin")].filter((bin) => existsSync(bin));
  const manages = entersPackages(source);
  return {
    paths: {
      // The prepared interpreter is the one that `python` and `uv run` find.
      PATH: [join(environment.folder, "bin"), ...scripts],
      PYTHONPATH: manages || folders.length === 0 ? [] : siteFolders(environment, folders),
      LD_LIBRARY_PATH: installed?.deps === undefined ? [] : await libraryFolders(installed.deps),
    },
    values: {
      FLAME_PYTHON_VERSION: environment.minor,
      VIRTUAL_ENV: environment.folder,
      UV_PROJECT_ENVIRONMENT: environment.folder,
      UV_PYTHON_DOWNLOADS: "never",
      UV_CACHE_DIR: uvCacheFolder(home),
      PIP_CACHE_DIR: join(home.data, "cache", "pip"),
      ...(folders.length === 0 ? {} : { FLAME_APP_SITE: folders.join(delimiter) }),
    },
  };
}

/**
 * What makes the package importable without hiding the standard library, before which Python puts what PYTHONPATH names:
 * a folder of flamepy with a sitecustomize that puts the folders of FLAME_APP_SITE last.
 */
function siteFolders(
  environment: PythonEnvironment,
  folders: readonly string[],
): readonly string[] {
  const site = join(environment.folder, "lib", `python${environment.minor}`, "site-packages");
  const childSite = join(site, "flamepy", "_child_site");
  // A flamepy of before, or one that is not copied into the environment, has no such folder.
  return existsSync(join(childSite, "sitecustomize.py")) ? [childSite] : folders;
}

/** What a service with installer `binary` sees. */
export function binaryVariables(src: string): PackageVariables {
  const lib = join(src, "lib");
  return {
    paths: {
      PATH: [join(src, "bin"), src],
      LD_LIBRARY_PATH: [join(src, "libs"), ...(existsSync(lib) ? [lib] : [])],
    },
    values: { FLAME_APP_DIR: src },
  };
}

// A project with the `src` layout has nothing to import at its root.
function sourceRoot(src: string | undefined): string | undefined {
  if (src === undefined) return undefined;
  const inner = join(src, "src");
  return existsSync(inner) ? inner : src;
}
