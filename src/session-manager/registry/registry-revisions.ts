import type { Admission } from "../../application-registry/admission.ts";
import type { ApplyOutcome } from "../../application-registry/index.ts";
import type { ManifestSource } from "../../application-registry/manifest-source.ts";
import { faultText } from "../../documents/fault.ts";
import type { ApplicationRevision } from "../../model/application.ts";
import { FlameError } from "../../model/errors.ts";
import type {
  Revision,
  RollbackRequest,
} from "../../protocol/generated/flame/registry/v1/registry.ts";
import type { Store } from "../../storage/store.ts";
import type { EngineDoor } from "../engine/engine-door.ts";
import { changedRevisionToWire } from "./registry-wire.ts";

/** The kept revisions, the latest first, each with what it changed. */
export async function listRevisions(store: Store, name: string): Promise<Revision[]> {
  const revisions = await store.readRevisions(name);
  return revisions.map((revision, index) => {
    const before = revisions[index + 1];
    return changedRevisionToWire(
      revision,
      before?.revision === revision.revision - 1 ? before : undefined,
    );
  });
}

/** @throws FlameError not_found naming the revisions that are kept */
export async function findRevision(
  store: Store,
  name: string,
  revision: number,
): Promise<ApplicationRevision> {
  const found = await store.readRevision(name, revision);
  if (found !== undefined) return found;
  const kept = (await store.readRevisions(name)).map((one) => one.revision);
  const range = kept.length === 0 ? "none are kept" : `kept are ${ranges(kept)}`;
  const text = `application ${JSON.stringify(name)} has no revision ${revision}: ${range}`;
  throw new FlameError("not_found", text);
}

/**
 * Applies the manifest of an earlier revision anew: it has to pass today's checks.
 * @throws FlameError not_found, aborted, invalid_argument with what is wrong with it today
 */
export async function rollback(
  deps: { readonly engine: EngineDoor; readonly store: Store; readonly admission: Admission },
  request: RollbackRequest,
  source: ManifestSource,
): Promise<ApplyOutcome> {
  const { engine, store, admission } = deps;
  const { name, force, dryRun } = request;
  const present = await engine.ask("application.get", { name });
  const to = request.to === undefined ? await previous(store, present) : Number(request.to);
  const target = await findRevision(store, name, to);
  const raw = { metadata: { name }, spec: target.manifest };
  const checked = await admission.admit(raw, source);
  if (!checked.ok) {
    const faults = checked.faults.map((fault) => faultText(fault)).join("; ");
    const text = `revision ${to} of application ${JSON.stringify(name)} cannot come back, today's checks refuse it: ${faults}`;
    throw new FlameError("invalid_argument", text);
  }
  const { manifest, spec } = checked;
  const expectedRevision = Number(request.expectedRevision ?? present.revision);
  const cause = { kind: "rollback", restored: to } as const;
  const application = { name, manifest, spec, ...source, force, expectedRevision, cause };
  const options = { dryRun };
  const [outcome] = await engine.ask("application.apply", { applications: [application], options });
  if (outcome === undefined) throw new FlameError("internal", "an apply had no outcome");
  return outcome;
}

async function previous(store: Store, { name, revision }: ApplicationRevision): Promise<number> {
  const earlier = (await store.readRevisions(name)).find((one) => one.revision < revision);
  if (earlier !== undefined) return earlier.revision;
  const text = `application ${JSON.stringify(name)} is at revision ${revision} and has no earlier one that is kept: there is nothing to roll back to`;
  throw new FlameError("not_found", text);
}

/** `1-3, 7`: numbers as people write them. */
function ranges(descending: readonly number[]): string {
  const runs: [from: number, to: number][] = [];
  for (const number of descending.toReversed()) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(", ");
}
