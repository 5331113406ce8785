import { mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { PythonEnvironment } from "./python-environment.ts";
import { storedZip } from "./stored-zip.ts";

/** Never installed beside a package, whatever version it asks for: the executor's own is the one that runs. */
export const OWN_DISTRIBUTION = "flamepy";

/** By this file in a `.dist-info` folder a stand-in is known. */
const MARK = "flame-provided";

/** Files that tell an installer what is there already. */
export interface Provided {
  readonly constraintsFile: string;
  readonly excludesFile: string;
}

/**
 * Tells an installer that what the services' environment holds is there, at exactly its version: an empty wheel stands
 * for each distribution. A requirement on one of them needs no network and installs nothing, and one that asks
 * for another version is a conflict.
 */
export async function describeProvided(
  environment: PythonEnvironment,
  folder: string,
): Promise<Provided> {
  await mkdir(folder, { recursive: true });
  const lines: string[] = [];
  for (const [name, version] of environment.distributions) {
    if (name === OWN_DISTRIBUTION) continue;
    const file = join(folder, `${name.replaceAll("-", "_")}-${version}-py3-none-any.whl`);
    await writeFile(file, standIn(name, version));
    // The url says where it comes from, the version is what an installer names in a conflict.
    lines.push(`${name} @ ${pathToFileURL(file).href}`, `${name}==${version}`);
  }
  const constraintsFile = join(folder, "constraints.txt");
  const excludesFile = join(folder, "excludes.txt");
  await writeFile(constraintsFile, `${lines.join("\n")}\n`);
  await writeFile(excludesFile, `${OWN_DISTRIBUTION}\n`);
  return { constraintsFile, excludesFile };
}

/** Takes the stand-ins out of an installed folder, so that nobody mistakes them for the real thing. */
export async function removeStandIns(installed: string): Promise<void> {
  for (const name of await readdir(installed)) {
    if (!name.endsWith(".dist-info")) continue;
    const marked = await stat(join(installed, name, MARK)).then(
      () => true,
      () => false,
    );
    if (marked) await rm(join(installed, name), { recursive: true });
  }
}

function standIn(name: string, version: string): Buffer {
  const folder = `${name.replaceAll("-", "_")}-${version}.dist-info`;
  const files = {
    [`${folder}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    [`${folder}/WHEEL`]:
      "Wheel-Version: 1.0\nGenerator: flame\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    [`${folder}/${MARK}`]: "the services' environment provides this distribution\n",
  };
  const record = [...Object.keys(files), `${folder}/RECORD`].map((path) => `${path},,\n`).join("");
  return storedZip({ ...files, [`${folder}/RECORD`]: record });
}
