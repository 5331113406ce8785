import type { FieldChange } from "../application-registry/index.ts";
import type { Application } from "../client/index.ts";
import { digestOf, type Remembered } from "./memory.ts";
import {
  differences,
  type ForgottenField,
  isLossyOnly,
  keptFields,
  withoutLostFields,
} from "./normal-form.ts";
import type { Wanted, Wishes } from "./wanted.ts";

/** One thing to do in the cluster. */
export type Step = { readonly name: string } & (
  | { readonly kind: "register"; readonly wanted: Wanted }
  | {
      readonly kind: "update";
      readonly wanted: Wanted;
      readonly changes: readonly FieldChange[];
      /** The wish is the same as before: somebody changed the application there. */
      readonly drifted: boolean;
    }
  | { readonly kind: "unregister"; readonly path: string }
);

export interface Plan {
  readonly steps: readonly Step[];
  /** Wanted, and as wanted. */
  readonly inOrder: readonly Wanted[];
  /** Remembered, wanted by nobody, and not the controller's to take away. */
  readonly forgotten: readonly string[];
  /** Of the fields that some engines forget, those that this one keeps. */
  readonly kept: ReadonlySet<ForgottenField>;
}

type MemoryEntries = readonly (readonly [string, Remembered])[];

/** What would bring a cluster to what is wanted. Pure. */
export function planFor(wishes: Wishes, live: readonly Application[], memory: MemoryEntries): Plan {
  const there = new Map(live.map((application) => [application.name, application]));
  const remembered = new Map(memory);
  const kept = keptFields(live.map(({ spec }) => spec));
  const steps: Step[] = [];
  const inOrder: Wanted[] = [];
  for (const wanted of wishes.applications.values()) {
    const { name } = wanted;
    const application = there.get(name);
    if (wishes.held.has(name) || (application !== undefined && !wanted.insist)) continue;
    if (application === undefined) {
      steps.push({ kind: "register", name, wanted });
      continue;
    }
    const changes = withoutLostFields(differences(application.spec, wanted.manifest), kept);
    const known = remembered.get(name);
    const drifted = known?.digest === digestOf(wanted.manifest);
    const given = drifted && known.incomplete === true && isLossyOnly(changes);
    if (changes.length === 0 || given) inOrder.push(wanted);
    else steps.push({ kind: "update", name, wanted, changes, drifted });
  }
  const { removals, forgotten } = leaving(wishes, there, memory);
  return { steps: [...steps, ...removals], inOrder, forgotten, kept };
}

/** Only what the controller itself made for a file that says nothing about it any more is taken away. */
function leaving(
  { applications, held, complete }: Wishes,
  there: ReadonlyMap<string, Application>,
  memory: MemoryEntries,
): { removals: readonly Step[]; forgotten: readonly string[] } {
  const removals: Step[] = [];
  const forgotten: string[] = [];
  for (const [name, { path, created }] of complete ? memory : []) {
    if (held.has(name) || applications.has(name)) continue;
    const time = there.get(name)?.creationTime.getTime();
    const ours = created !== undefined && created === time;
    if (ours && path !== undefined) removals.push({ kind: "unregister", name, path });
    else forgotten.push(name);
  }
  return { removals, forgotten };
}
