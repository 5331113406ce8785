import { gotText } from "../documents/fault.ts";
import { textOf } from "../kit/thrown.ts";
import { canonical } from "../manifest/canonical.ts";
import type { FaultyManifest } from "../manifest/manifest.ts";
import type { ManifestFault } from "../manifest/manifest-fault.ts";
import { type HookCall, type HookCaller, HookFailure } from "./hook-call.ts";
import type { DraftManifest, ManifestHooks } from "./manifest-hooks.ts";
import type { ManifestSource } from "./manifest-source.ts";
import { plainCopy } from "./plain-copy.ts";

/** The document after one plugin's hook; the first is as it was written, in canonical form. */
export interface Draft {
  readonly plugin?: string;
  readonly raw: unknown;
}

/** Whether it is enough of a manifest for hooks to look at; what is not has faults of its own shape. */
export function isManifest(raw: unknown): raw is DraftManifest {
  return isMapping(raw) && isMapping(raw["metadata"]) && isMapping(raw["spec"]);
}

/**
 * Lets each mutating hook change the document in turn.
 * @returns the document as it was written and after each plugin that changed it
 * @throws HookFailure of the first that fails
 */
export async function mutate(
  raw: unknown,
  source: ManifestSource,
  hooks: readonly ManifestHooks[],
  caller: HookCaller,
): Promise<readonly Draft[]> {
  const drafts: Draft[] = [{ raw: canonical(raw) }];
  for (const { plugin, mutate: hook } of hooks) {
    const last = drafts.at(-1)?.raw;
    if (hook === undefined || !isManifest(last)) continue;
    const name: unknown = last.metadata.name;
    const call: HookCall = { plugin, hook: "mutating", application: String(name) };
    const draft = structuredClone(last);
    const changed = await caller.call(
      call,
      (context) => hook(draft, source, context),
      (returned) => canonical(readDraft(call, returned ?? draft, name)),
    );
    drafts.push({ plugin, raw: changed });
  }
  return drafts;
}

/** @throws HookFailure saying what it is instead */
function readDraft(call: HookCall, returned: unknown, name: unknown): unknown {
  const refuse = (got: string, expected: string): HookFailure =>
    new HookFailure(call, `${got} from its mutating hook`, expected);
  let copy: unknown;
  try {
    copy = plainCopy(returned);
  } catch (thrown) {
    throw refuse(textOf(thrown), "a manifest of texts, numbers, lists and mappings");
  }
  if (!isManifest(copy)) {
    throw refuse(
      gotText(copy),
      "nothing, when it changed the one that it got, or { metadata, spec }",
    );
  }
  if (copy.metadata.name === name) return copy;
  throw refuse(`the name ${gotText(copy.metadata.name)}`, `the name ${gotText(name)} to stay`);
}

/** Says of each fault which plugin brought it in: the first after whose hook it was there, and stayed. */
export function attributeFaults(
  faulty: FaultyManifest,
  drafts: readonly Draft[],
  check: (raw: unknown) => readonly ManifestFault[],
): FaultyManifest {
  const [, ...changed] = drafts;
  if (changed.length === 0) return faulty;
  const found = drafts.map(({ raw }) => new Set(check(raw).map(keyOf)));
  const faults = faulty.faults.map((fault): ManifestFault => {
    const fine = found.findLastIndex((keys) => !keys.has(keyOf(fault)));
    const plugin = drafts[fine + 1]?.plugin;
    if (plugin === undefined) return fault;
    // The text has no place for what a plugin wrote.
    const { line: _line, column: _column, hint, ...rest } = fault;
    const whose = `the plugin ${JSON.stringify(plugin)} changed it so`;
    return { ...rest, plugin, hint: hint === undefined ? whose : `${hint}; ${whose}` };
  });
  return { ...faulty, faults };
}

function keyOf({ rule, path, got }: ManifestFault): string {
  return JSON.stringify([rule, path, got]);
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
