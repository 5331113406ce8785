import { existsSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Environments that somebody made beside flmrun's own, for other minor versions of Python: `.venv-3.13`. */
export function extraEnvironments(flmrun) {
  if (!existsSync(flmrun)) return [];
  return readdirSync(flmrun)
    .filter((name) => /^\.venv-\d+\.\d+$/.test(name))
    .map((name) => join(flmrun, name));
}

/**
 * What an upgrade would take out of flmrun's environments, a line each: packages in other versions than the lock
 * has, and all that no project names in an environment that is made anew, as it is of another Python.
 */
export function packagesLost(flmrun, python) {
  const locked = lockedVersions(join(flmrun, "uv.lock"));
  const own = join(flmrun, ".venv");
  const madeAnew = existsSync(own) && !isOf(own, python);
  return [own, ...extraEnvironments(flmrun)].flatMap((environment) =>
    installedIn(environment).flatMap(({ name, version }) => {
      const versions = locked.get(name);
      const what = `${name} ${version} in ${environment}`;
      if (versions === undefined)
        return environment === own && madeAnew
          ? [`${what}: named by no project, and the environment is made anew on another Python`]
          : [];
      if (versions.includes(version)) return [];
      return [`${what}: uv.lock says ${versions.join(" or ")}`];
    }),
  );
}

/** Whether this environment is one of that Python: interpreters are compared, as two of one version may differ. */
export function isOf(environment, { executable, version: [major, minor] }) {
  const interpreter = join(environment, "bin/python");
  return (
    existsSync(interpreter) &&
    realpathSync(interpreter) === realpathSync(executable) &&
    existsSync(join(environment, `lib/python${major}.${minor}`))
  );
}

/**
 * Takes files out of a `uv.lock` that none of `pins` names, of releases that they do name: what an index has beside them was
 * added later, or by somebody else.
 */
export function keepNamedFiles(lock, pins) {
  const hashes = new Map(
    pins.map((pin) => [`${normalized(pin.name)} ${pin.version}`, new Set(pin.hashes)]),
  );
  const parts = readFileSync(lock, "utf8").split(/^(?=\[\[package\]\]$)/m);
  const kept = parts.map((part) => {
    const [, name, version] = /^name = "([^"]+)"\nversion = "([^"]+)"/m.exec(part) ?? [];
    const named = hashes.get(`${normalized(name ?? "")} ${version}`);
    if (named === undefined) return part;
    const isForeign = (line) => {
      const hash = /hash = "sha256:(\w+)"/.exec(line)?.[1];
      return hash !== undefined && !named.has(hash);
    };
    return part
      .split("\n")
      .filter((line) => !isForeign(line))
      .join("\n");
  });
  writeFileSync(lock, kept.join(""));
}

function installedIn(environment) {
  const libraries = join(environment, "lib");
  if (!existsSync(libraries)) return [];
  return readdirSync(libraries)
    .map((name) => join(libraries, name, "site-packages"))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder))
    .map((entry) => /^(.+)-([^-]+)\.dist-info$/.exec(entry))
    .filter((match) => match !== null)
    .map(([, name, version]) => ({ name: normalized(name), version }));
}

/** The versions of every package that the lock names; for some markers it may have another one. */
function lockedVersions(lock) {
  const found = new Map();
  if (!existsSync(lock)) return found;
  const entries = readFileSync(lock, "utf8").matchAll(
    /^\[\[package\]\]\nname = "([^"]+)"\nversion = "([^"]+)"/gm,
  );
  for (const [, name, version] of entries) {
    const versions = found.get(normalized(name)) ?? [];
    found.set(normalized(name), [...versions, version]);
  }
  return found;
}

/** As the packaging specifications compare names. */
const normalized = (name) => name.toLowerCase().replaceAll(/[-_.]+/g, "-");
