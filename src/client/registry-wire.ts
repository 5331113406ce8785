import type { ApplicationOrigin, ApplicationState } from "../model/application.ts";
import type * as pb from "../protocol/generated/flame/registry/v1/registry.ts";
import type {
  AbsentApplication,
  ApplyResult,
  FieldDifference,
  RegistryApplication,
  RegistryChange,
  RevisionInfo,
  SourceFaultInfo,
} from "./registry-types.ts";
import { codeOfStatus } from "./rpc-error.ts";
import { named, required, toDate } from "./wire.ts";

const states: readonly (ApplicationState | undefined)[] = [undefined, "Enabled", "Disabled"];
const actions = ["unspecified", "created", "configured", "unchanged", "refused"] as const;
const kinds: readonly (RegistryChange["kind"] | undefined)[] = [
  undefined,
  "present",
  "synced",
  "created",
  "changed",
  "removed",
];

export function decodeRegistryApplication(
  application: pb.Application,
): RegistryApplication | AbsentApplication {
  const { name, revision, owner, openSessions } = application;
  const faults = application.faults.map(decodeFault);
  if (revision === undefined) return { name, faults };
  return {
    name,
    state: states[application.state] ?? "Enabled",
    creationTime: toDate(application.creationTime),
    revision: decodeRevision(revision),
    ...(owner !== undefined && { owner }),
    fieldOwners: application.fieldOwners.map((one) => ({
      ...one,
      origin: one.origin as ApplicationOrigin,
    })),
    drift: application.drift.map(decodeDifference),
    shipped: application.shipped,
    ...(openSessions !== undefined && { openSessions }),
    faults,
  };
}

export function decodeRevision(revision: pb.Revision): RevisionInfo {
  const { restored, number, time, origin, changes, ...rest } = revision;
  return {
    ...rest,
    number: Number(number),
    time: toDate(time),
    origin: origin as ApplicationOrigin,
    ...(restored !== undefined && { restored: Number(restored) }),
    changes: changes.map(decodeDifference),
  };
}

export function decodeOutcome(outcome: pb.Outcome): ApplyResult {
  const { name } = outcome;
  const action = named(actions, outcome.action, "Outcome.action");
  if (action === "refused" || action === "unspecified") {
    const { code, message } = required(outcome.refusal, "Outcome.refusal");
    return { name, action: "refused", code: codeOfStatus(code), message };
  }
  return {
    name,
    action,
    revision: Number(outcome.revision),
    previousRevision: Number(outcome.previousRevision),
    changes: outcome.changes.map(decodeDifference),
  };
}

/** None for a kind of event that a later server may send. */
export function decodeWatchEvent({ kind, application }: pb.WatchEvent): RegistryChange[] {
  const name = kinds[kind];
  if (name === "synced") return [{ kind: name }];
  if (name === undefined || application === undefined) return [];
  return [{ kind: name, application: decodeRegistryApplication(application) }];
}

function decodeDifference({ path, before, after }: pb.FieldChange): FieldDifference {
  return {
    path,
    ...(before !== undefined && { before: JSON.parse(before) as unknown }),
    ...(after !== undefined && { after: JSON.parse(after) as unknown }),
  };
}

function decodeFault({ source, reason, time }: pb.SourceFault): SourceFaultInfo {
  return { source, reason, time: toDate(time) };
}
