import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { faultText } from "../../documents/fault.ts";
import { type CheckedManifest, readManifests } from "../../manifest/manifest.ts";
import { PUBLISHED_FOLDER } from "../../manifest/published-folder.ts";
import type { ApplicationRecord } from "../../model/application.ts";
import type { ApplicationSpec } from "../../model/application-spec.ts";
import { FlameError } from "../../model/errors.ts";

interface Programs {
  readonly ours: ApplicationSpec;
  readonly published: ApplicationSpec;
}

/** What nodes of another make are to run where the program of a shipped application is only on nodes of ours. */
export class PublishedPrograms {
  readonly #programs: readonly Programs[];

  constructor(programs: readonly Programs[]) {
    this.#programs = programs;
  }

  /** Whether such a node is to run another program for it. */
  replaces(spec: ApplicationSpec): boolean {
    return this.#programs.some(({ ours }) => runs(spec, ours));
  }

  /**
   * The application as such a node can run it: with the published program in place of a shipped one, also where the
   * application was made of it, as flamepy's Runner does. Other programs are somebody's own and stay.
   */
  insteadOfOurs(record: ApplicationRecord): ApplicationRecord {
    const found = this.#programs.find(({ ours }) => runs(record.spec, ours));
    if (found === undefined) return record;
    const { working_directory: _ours, ...spec } = record.spec;
    const { command, arguments: args, working_directory } = found.published;
    return {
      ...record,
      spec: {
        ...spec,
        ...(command !== undefined && { command }),
        arguments: args,
        ...(working_directory !== undefined && { working_directory }),
      },
    };
  }
}

/** Whether this is the other's program, in its folder or in one below it. */
function runs(spec: ApplicationSpec, ours: ApplicationSpec): boolean {
  const folder = ours.working_directory ?? "";
  const own = spec.working_directory ?? "";
  return (
    spec.command === ours.command &&
    spec.arguments.length === ours.arguments.length &&
    spec.arguments.every((argument, index) => argument === ours.arguments[index]) &&
    (own === folder || (folder !== "" && own.startsWith(`${folder}/`)))
  );
}

/**
 * Reads the shipped manifests for which there is a published one, a file of the same name in a folder below.
 * @throws FlameError invalid_config naming a broken file
 */
export async function readPublishedPrograms(places: {
  readonly defaultsFolder: string;
  readonly flameHome: string;
}): Promise<PublishedPrograms> {
  const { defaultsFolder, flameHome } = places;
  const names = await published(join(defaultsFolder, PUBLISHED_FOLDER));
  const read = async (path: string): Promise<ApplicationSpec> =>
    (await readChecked(join(defaultsFolder, path), flameHome)).spec;
  const programs = names.map(async (name) => ({
    ours: await read(name),
    published: await read(join(PUBLISHED_FOLDER, name)),
  }));
  return new PublishedPrograms(await Promise.all(programs));
}

async function published(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith(".yaml"));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw cause;
  }
}

async function readChecked(path: string, flameHome: string): Promise<CheckedManifest> {
  const faults: string[] = [];
  for (const manifest of readManifests(await readFile(path, "utf8"), { flameHome })) {
    if (manifest.ok) return manifest;
    faults.push(...manifest.faults.map((fault) => faultText(fault, path)));
  }
  throw new FlameError("invalid_config", faults.join("; ") || `${path}: holds no manifest`);
}
