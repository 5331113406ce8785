import { FAULTS_MAX } from "../documents/schema-check.ts";
import type { TextLimits } from "../documents/text-limits.ts";
import {
  type CheckedManifest,
  checkWritten,
  type FaultyManifest,
  type ManifestOptions,
  parseManifests,
  unwritten,
  type WrittenManifest,
} from "../manifest/manifest.ts";
import type { ManifestFault } from "../manifest/manifest-fault.ts";
import { type HookCallDeps, HookCaller, HookFailure } from "./hook-call.ts";
import type { ManifestHooks } from "./manifest-hooks.ts";
import type { ManifestSource } from "./manifest-source.ts";
import { attributeFaults, type Draft, isManifest, mutate } from "./mutating-hooks.ts";
import { validate } from "./validating-hooks.ts";

interface TextOptions extends Pick<ManifestOptions, "flameHome"> {
  /** @default MANIFEST_TEXT */
  readonly limits?: TextLimits;
}

/**
 * The one door for manifests, whatever brings them: YAML text or a message becomes faults or a frozen, checked manifest.
 * The registry itself never parses. The order is the same for every source: mutating hooks, schema and defaults,
 * validating hooks, freeze; the revision is compared later, in the turn that commits (docs/plugins.md).
 */
export class Admission {
  readonly #options: ManifestOptions;
  readonly #caller: HookCaller;
  readonly #hooks: ManifestHooks[] = [];

  /** @param options.allowedSchemes `packages.allowed_schemes` */
  constructor(options: Pick<ManifestOptions, "allowedSchemes"> & HookCallDeps) {
    const { allowedSchemes = [], ...deps } = options;
    this.#options = { allowedSchemes };
    this.#caller = new HookCaller(deps);
  }

  /** Every manifest from now on passes these hooks too, after those that were added before. */
  addHooks(hooks: ManifestHooks): void {
    if (hooks.mutate !== undefined || hooks.validate !== undefined) this.#hooks.push(hooks);
  }

  /**
   * Every document of a text, in order.
   * @param options.flameHome for files that the server reads itself: replaces a leading `${FLAME_HOME}` in working_directory
   */
  async admitText(
    text: string,
    source: ManifestSource,
    { limits, ...files }: TextOptions = {},
  ): Promise<readonly (CheckedManifest | FaultyManifest)[]> {
    const admitted: (CheckedManifest | FaultyManifest)[] = [];
    for (const written of parseManifests(text, limits)) {
      admitted.push(await this.#admit(written, source, files));
    }
    return admitted;
  }

  /** A manifest `{ metadata: { name }, spec }` that came as structured data. */
  admit(raw: unknown, source: ManifestSource): Promise<CheckedManifest | FaultyManifest> {
    return this.#admit(unwritten(raw), source, {});
  }

  async #admit(
    written: WrittenManifest,
    source: ManifestSource,
    files: Pick<ManifestOptions, "flameHome">,
  ): Promise<CheckedManifest | FaultyManifest> {
    const options = { ...this.#options, ...files };
    const asWritten = checkWritten(written, options);
    if (this.#hooks.length === 0 || !canRunHooks(written, asWritten)) return asWritten;
    const told: ManifestSource = Object.freeze({ ...source });
    let drafts: readonly Draft[];
    try {
      drafts = await mutate(written.raw, told, this.#hooks, this.#caller);
    } catch (thrown) {
      // A hook may well have stumbled over what is wrong with the manifest itself: then that is told.
      return asWritten.ok ? refused(asWritten.name, failureOf(thrown)) : asWritten;
    }
    const check = (raw: unknown): CheckedManifest | FaultyManifest =>
      checkWritten({ ...written, raw }, options);
    const checked = check(drafts.at(-1)?.raw);
    if (!checked.ok) {
      return attributeFaults(checked, drafts, (raw) => {
        const found = check(raw);
        return found.ok ? [] : found.faults;
      });
    }
    return this.#validated(checked, told, written);
  }

  async #validated(
    checked: CheckedManifest,
    source: ManifestSource,
    { locate }: WrittenManifest,
  ): Promise<CheckedManifest | FaultyManifest> {
    try {
      const faults = await validate(checked, source, this.#hooks, this.#caller, locate);
      return faults.length === 0 ? checked : refused(checked.name, ...faults);
    } catch (thrown) {
      return refused(checked.name, failureOf(thrown));
    }
  }
}

/** Values of hooks have the types that the schema says; everything else about the manifest a mutating hook may mend. */
function canRunHooks(
  { raw, faults }: WrittenManifest,
  checked: CheckedManifest | FaultyManifest,
): boolean {
  if (faults.length > 0 || !isManifest(raw)) return false;
  return (
    checked.ok ||
    (!checked.faults.some(({ rule }) => rule === "type") && checked.faults.length < FAULTS_MAX)
  );
}

function refused(name: string, ...faults: readonly ManifestFault[]): FaultyManifest {
  return { ok: false, name, faults };
}

function failureOf(thrown: unknown): ManifestFault {
  if (thrown instanceof HookFailure) return thrown.fault;
  throw thrown;
}
