import { readFile } from "node:fs/promises";
import { parse } from "smol-toml";
import type { PackedFile } from "../../../archives/folder-contents.ts";
import { textOf } from "../../../kit/thrown.ts";
import { FlameError } from "../../../model/errors.ts";
import type { ApplicationInput } from "./application-input.ts";

export type Installer = "python" | "binary";

/** How a service is started. */
export interface Start {
  readonly command: string;
  readonly arguments: readonly string[];
}

/** What starts the service, or why that cannot be told. */
export type Detected = { readonly start: Start } | { readonly missing: string };

const PYTHON_FILES = ["pyproject.toml", "setup.py", "setup.cfg"];
const EXECUTABLE = 0o111;
/** How many names a text lists. */
const LISTED_MAX = 5;

/** How an application is installed, by what it holds. */
export function detectInstaller({ kind, files }: ApplicationInput): Installer {
  const isProject = files.some(({ name }) => PYTHON_FILES.includes(name));
  return isProject && kind !== "executable-file" ? "python" : "binary";
}

/**
 * What starts the service of an application, by what it holds.
 * @throws FlameError invalid_config when its pyproject.toml cannot be read
 */
export async function detectStart(
  application: string,
  installer: Installer,
  { files }: ApplicationInput,
): Promise<Detected> {
  return installer === "python"
    ? await pythonStart(application, files)
    : binaryStart(application, files);
}

/** @throws FlameError invalid_config for a folder that no installer takes as a Python project */
export function refuseUninstallable(installer: Installer, { files }: ApplicationInput): void {
  if (installer === "binary") return;
  const has = (name: string): boolean => files.some((file) => file.name === name);
  if (has("pyproject.toml") || has("setup.py")) return;
  throw new FlameError(
    "invalid_config",
    has("setup.cfg")
      ? "--application: it has a setup.cfg and neither pyproject.toml nor setup.py, so that no installer takes it: add a pyproject.toml " +
          'with [build-system] requires = ["setuptools"] and build-backend = "setuptools.build_meta", which reads setup.cfg'
      : "--installer python: expected a project with a pyproject.toml or setup.py at its top; of anything else use --installer binary",
  );
}

async function pythonStart(application: string, files: readonly PackedFile[]): Promise<Detected> {
  const scripts = await scriptsOf(files.find(({ name }) => name === "pyproject.toml"));
  const [only, ...others] = scripts;
  const single = others.length === 0 ? only : undefined;
  const script = scripts.includes(application) ? application : single;
  if (script !== undefined) return { start: { command: script, arguments: [] } };
  const module = application.replaceAll("-", "_");
  const main = `${module}/__main__.py`;
  if (files.some(({ name }) => name === main || name === `src/${main}`))
    return { start: { command: "python", arguments: ["-m", module] } };
  const found =
    scripts.length === 0
      ? `pyproject.toml has no [project.scripts] and there is no ${main}`
      : `[project.scripts] has ${listed(scripts)}, none of which is "${application}", and there is no ${main}`;
  const advice =
    "add one, or pass --command (for a service of your own), or " +
    "--command python --argument=-m --argument=flamepy.runpy (to have its functions called from Python)";
  return { missing: `${found}; ${advice}` };
}

async function scriptsOf(project: PackedFile | undefined): Promise<readonly string[]> {
  if (project === undefined) return [];
  let document: unknown;
  try {
    document = parse(await readFile(project.path, "utf8"));
  } catch (cause) {
    const [what = ""] = textOf(cause).split("\n");
    const place = placeOf(cause);
    throw new FlameError("invalid_config", `${project.name}${place}: ${what}`, { cause });
  }
  return Object.keys(tableIn(tableIn(document, "project"), "scripts"));
}

/** Line and column of what the parser stumbled over. */
function placeOf(thrown: unknown): string {
  const { line, column } = (thrown ?? {}) as { line?: unknown; column?: unknown };
  return typeof line === "number" && typeof column === "number" ? `:${line}:${column}` : "";
}

function tableIn(value: unknown, key: string): Record<string, unknown> {
  const inner = (value as Record<string, unknown> | undefined)?.[key];
  const isTable = typeof inner === "object" && inner !== null && !Array.isArray(inner);
  return isTable ? (inner as Record<string, unknown>) : {};
}

function binaryStart(application: string, files: readonly PackedFile[]): Detected {
  const executables = files.filter(({ mode }) => (mode & EXECUTABLE) !== 0);
  const named = executables.find(({ name }) => name === `bin/${application}`);
  if (named !== undefined) return { start: { command: application, arguments: [] } };
  const inBin = executables.flatMap(({ name }) => /^bin\/([^/]+)$/.exec(name)?.[1] ?? []);
  const atTop = executables.flatMap(({ name }) => (name.includes("/") ? [] : [name]));
  const candidates = inBin.length > 0 ? inBin : atTop;
  const [only, ...others] = candidates;
  if (only !== undefined && others.length === 0) return { start: { command: only, arguments: [] } };
  const found =
    only === undefined
      ? "there is no pyproject.toml or setup.py, and no executable file in bin/ or at the top"
      : `${listed(candidates)} are executable, and none is bin/${application}`;
  return { missing: `${found}; pass --command, or make the program executable (chmod +x)` };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, LISTED_MAX).join(", ");
  return names.length > LISTED_MAX ? `${shown} and ${names.length - LISTED_MAX} more` : shown;
}
