import { gotText, parsePath } from "../documents/fault.ts";
import type { CheckedManifest, Locate } from "../manifest/manifest.ts";
import type { ManifestFault } from "../manifest/manifest-fault.ts";
import { type HookCall, type HookCaller, HookFailure } from "./hook-call.ts";
import type { ManifestHooks } from "./manifest-hooks.ts";
import type { ManifestSource } from "./manifest-source.ts";

/** Faults that one plugin may find in one manifest. */
const FAULTS_MAX = 100;
const FAULT_CHARACTERS_MAX = 4_096;

/**
 * Asks every validating hook.
 * @returns what they find, in the order of the plugins
 * @throws HookFailure of the first that fails
 */
export async function validate(
  checked: CheckedManifest,
  source: ManifestSource,
  hooks: readonly ManifestHooks[],
  caller: HookCaller,
  locate: Locate,
): Promise<readonly ManifestFault[]> {
  const { name, manifest, spec } = checked;
  const application = Object.freeze({ name, manifest, spec });
  const faults: ManifestFault[] = [];
  for (const { plugin, validate: hook } of hooks) {
    if (hook === undefined) continue;
    const call: HookCall = { plugin, hook: "validating", application: name };
    const found = await caller.call(
      call,
      (context) => hook(application, source, context),
      (returned) => readFaults(call, returned),
    );
    faults.push(...found.map((fault) => placed(fault, locate)));
  }
  return faults;
}

/** @throws HookFailure saying what it is instead */
function readFaults(call: HookCall, returned: unknown): readonly ManifestFault[] {
  if (returned === undefined || returned === null) return [];
  const refuse = (got: string): HookFailure => {
    const expected = "nothing, or a list of { path, got, expected, hint? }";
    return new HookFailure(call, `${got} from its validating hook`, expected);
  };
  if (!Array.isArray(returned)) throw refuse(gotText(returned));
  if (returned.length > FAULTS_MAX) throw refuse(`${returned.length} faults`);
  return returned.map((entry: unknown, index): ManifestFault => {
    const { path, got, expected, hint } = (entry ?? {}) as Record<string, unknown>;
    if (!isText(path) || !isText(got) || !isText(expected) || (hint !== undefined && !isText(hint)))
      throw refuse(`an entry ${index} without these texts`);
    const { plugin } = call;
    const whose = `so says the plugin ${JSON.stringify(plugin)}`;
    const all = hint === undefined ? whose : `${hint}; ${whose}`;
    return { rule: "plugin", kind: "argument", path, got, expected, hint: all, plugin };
  });
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= FAULT_CHARACTERS_MAX;
}

/** With line and column, where the manifest was text. */
function placed(fault: ManifestFault, locate: Locate): ManifestFault {
  const at = parsePath(fault.path);
  return at === undefined ? fault : { ...fault, ...locate(at, "value") };
}
