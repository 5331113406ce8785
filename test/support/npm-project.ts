import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Finished, runToEnd } from "./python.ts";

const root = resolve(import.meta.dirname, "../..");
/** Of a registry that is slow today. */
const npmDeadlineMs = 170_000;

/** A project with the npm package `flame-ts` in it, as npm makes one; it shares nothing with the checkout but the compiler. */
export interface NpmProject {
  readonly folder: string;
  /** The archive that was installed. */
  readonly archive: string;
  /** Writes a file into it and tells its path. */
  file(name: string, text: string): string;
  /** Runs the checkout's compiler in it. */
  tsc(...args: string[]): Promise<Finished>;
}

/**
 * Packs the package and installs it.
 * @param folder where the project is to be
 * @param from a folder that it is copied from; absent: it is empty
 */
export async function npmProject(folder: string, from?: string): Promise<NpmProject> {
  const packed = join(folder, "packed");
  const project = join(folder, "project");
  mkdirSync(project, { recursive: true });
  await expectOk(process.execPath, [join(root, "scripts/pack.mjs"), "--out", packed], root);
  const archive = join(packed, readdirSync(packed)[0] ?? "");
  if (from !== undefined) cpSync(from, project, { recursive: true });
  const manifest = join(project, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true, "type": "module" }');
  // What the example is compiled with is there already.
  const flags = ["--omit=dev", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  await expectOk("npm", ["install", ...flags, archive], project);
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  return {
    folder: project,
    archive,
    file: (name, text) => {
      const path = join(project, name);
      writeFileSync(path, text);
      return path;
    },
    tsc: (...args) => runToEnd(process.execPath, [compiler, ...args], { cwd: project }),
  };
}

async function expectOk(program: string, args: string[], cwd: string): Promise<void> {
  const { code, stdout, stderr } = await runToEnd(program, args, {
    cwd,
    deadlineMs: npmDeadlineMs,
  });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${code}\n${stdout}${stderr}`);
}

/** What `package.json` of an installed package says. */
export function installedManifest(project: NpmProject, name: string): Record<string, unknown> {
  const path = join(project.folder, "node_modules", name, "package.json");
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
}
