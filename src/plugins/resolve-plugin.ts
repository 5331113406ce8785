import { readFileSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { codeOf, textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";

const PACKAGE_NAME = /^(?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i;
/** In the order in which Node asks for them when a module is imported. */
const CONDITIONS: readonly string[] = ["node", "import", "module-sync", "default"];

/**
 * The module of an installed package: looked for in `node_modules` of each folder and of those above it, the first folder
 * first, as Node itself does for a module that lies there.
 * @returns undefined when no folder has it, or the name can be none
 * @throws FlameError invalid_config when it is there and has no module to import
 */
export function resolvePackage(name: string, folders: readonly string[]): string | undefined {
  if (!PACKAGE_NAME.test(name)) return undefined;
  for (const folder of folders) {
    for (let at = resolve(folder); ; at = dirname(at)) {
      const found = packageIn(join(at, "node_modules", name), name);
      if (found !== undefined) return found;
      if (at === dirname(at)) break;
    }
  }
  return undefined;
}

function packageIn(folder: string, name: string): string | undefined {
  let described: { readonly exports?: unknown; readonly main?: unknown };
  try {
    described = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as typeof described;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT" || codeOf(cause) === "ENOTDIR") return undefined;
    const text = `plugin ${JSON.stringify(name)}: ${join(folder, "package.json")} cannot be read: ${textOf(cause)}`;
    throw new FlameError("invalid_config", text, { cause });
  }
  const { exports, main } = described;
  const entry = exports === undefined ? (main ?? "index.js") : importOf(exports);
  const module = typeof entry === "string" ? resolve(folder, entry) : "";
  if (module.startsWith(folder + sep)) return module;
  const text = `plugin ${JSON.stringify(name)}: got ${join(folder, "package.json")} without a module to import, expected "exports" or "main" to name one in its folder`;
  throw new FlameError("invalid_config", text);
}

/** What `import NAME` means by a package's `exports`. */
function importOf(exports: unknown): unknown {
  if (typeof exports !== "object" || exports === null) return exports;
  if (Array.isArray(exports)) return exports.map(importOf).find((one) => one !== undefined);
  if ("." in exports) return importOf(exports["."]);
  for (const [condition, target] of Object.entries(exports)) {
    const found = CONDITIONS.includes(condition) ? importOf(target) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
