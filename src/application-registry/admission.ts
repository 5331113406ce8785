import {
  type CheckedManifest,
  checkWritten,
  type FaultyManifest,
  type ManifestOptions,
  parseManifests,
  unwritten,
  type WrittenManifest,
} from "../manifest/manifest.ts";
import type { ApplicationOrigin } from "../model/application.ts";

/** Where a manifest comes from, for hooks and for the revision that it becomes. */
export interface ManifestSource {
  readonly origin: ApplicationOrigin;
  /** A caller's name and address, or the file that says so. */
  readonly author: string;
  /** The file or tool that keeps the application, when one does. */
  readonly owner?: string;
}

/** The server reads files itself: there a leading `${FLAME_HOME}` in working_directory is replaced. */
type ServerFiles = Pick<ManifestOptions, "flameHome">;

/**
 * The one door for manifests, whatever brings them: YAML text or a message becomes faults or a frozen, checked manifest.
 * The registry itself never parses.
 */
export class Admission {
  readonly #options: ManifestOptions;

  /** @param options.allowedSchemes `packages.allowed_schemes` */
  constructor(options: Pick<ManifestOptions, "allowedSchemes">) {
    this.#options = options;
  }

  /** Every document of a text, in order. */
  async admitText(
    text: string,
    source: ManifestSource,
    files: ServerFiles = {},
  ): Promise<readonly (CheckedManifest | FaultyManifest)[]> {
    const admitted: (CheckedManifest | FaultyManifest)[] = [];
    for (const written of parseManifests(text)) {
      admitted.push(await this.#admit(written, source, files));
    }
    return admitted;
  }

  /** A manifest `{ metadata: { name }, spec }` that came as structured data. */
  admit(raw: unknown, source: ManifestSource): Promise<CheckedManifest | FaultyManifest> {
    return this.#admit(unwritten(raw), source, {});
  }

  #admit(
    written: WrittenManifest,
    _source: ManifestSource,
    files: ServerFiles,
  ): Promise<CheckedManifest | FaultyManifest> {
    return Promise.resolve(checkWritten(written, { ...this.#options, ...files }));
  }
}
