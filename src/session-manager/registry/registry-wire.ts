import { fieldsOf } from "../../application-registry/fields.ts";
import {
  type ApplyOutcome,
  changesBetween,
  type FieldChange,
  ownerOfField,
} from "../../application-registry/index.ts";
import type { SourceFault } from "../../application-registry/source-faults.ts";
import { toYaml } from "../../manifest/to-yaml.ts";
import type {
  ApplicationRecord,
  ApplicationRemoval,
  ApplicationRevision,
} from "../../model/application.ts";
import type { ApplicationManifestSpec } from "../../model/application-spec.ts";
import {
  Action,
  type Application,
  Application_State,
  type Outcome,
  type Removal,
  type Revision,
  type FieldChange as WireChange,
  type FieldOwner as WireOwner,
} from "../../protocol/generated/flame/registry/v1/registry.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";

export interface ApplicationFacts {
  readonly record: ApplicationRecord;
  readonly openSessions?: number;
  readonly faults: readonly SourceFault[];
  readonly brief?: boolean;
}

/** @param facts.brief without the manifest and the owners of its fields; @default false */
export function registryApplicationToWire(facts: ApplicationFacts): Application {
  const { record, openSessions, faults, brief = false } = facts;
  const { lastSeeded } = record;
  return {
    name: record.name,
    state:
      record.state === "Enabled"
        ? Application_State.STATE_ENABLED
        : Application_State.STATE_DISABLED,
    creationTime: BigInt(record.creationTime),
    revision: revisionToWire(record, brief),
    owner: record.owner,
    fieldOwners: brief ? [] : fieldOwnersToWire(record),
    drift: lastSeeded === undefined ? [] : changesToWire(lastSeeded, record.manifest),
    shipped: lastSeeded !== undefined,
    openSessions,
    faults: faultsToWire(faults),
  };
}

/** What is told of an application that does not exist: what is wrong with its sources. */
export function absentToWire(name: string, faults: readonly SourceFault[]): Application {
  return {
    name,
    state: Application_State.STATE_UNSPECIFIED,
    creationTime: 0n,
    revision: undefined,
    owner: undefined,
    fieldOwners: [],
    drift: [],
    shipped: false,
    openSessions: undefined,
    faults: faultsToWire(faults),
  };
}

/** A revision by itself; brief: without its manifest. */
export function revisionToWire(revision: ApplicationRevision, brief = false): Revision {
  const { name, origin, author, cause, manifest } = revision;
  return {
    name,
    number: BigInt(revision.revision),
    time: BigInt(revision.revisionTime),
    origin,
    author,
    cause: cause.kind,
    restored: cause.restored === undefined ? undefined : BigInt(cause.restored),
    forced: cause.forced === true,
    manifest: brief ? "" : toYaml(name, manifest),
    changes: [],
  };
}

/**
 * A revision with what it changed.
 * @param before the revision before it, when that one is kept
 */
export function changedRevisionToWire(
  revision: ApplicationRevision,
  before: ApplicationRevision | undefined,
): Revision {
  const first = revision.revision === 1 ? {} : undefined;
  const earlier = before?.manifest ?? first;
  const changes = earlier === undefined ? [] : changesToWire(earlier, revision.manifest);
  return { ...revisionToWire(revision), changes };
}

export function removalToWire({ time, author, revision }: ApplicationRemoval): Removal {
  return { time: BigInt(time), author, revision: BigInt(revision) };
}

export function outcomeToWire(outcome: ApplyOutcome): Outcome {
  const { name } = outcome;
  if (outcome.action === "refused") return refusalToWire(name, outcome.error);
  const { record, before, changes } = outcome;
  return {
    name,
    action: actions[outcome.action],
    revision: BigInt(record.revision),
    previousRevision: BigInt(before?.revision ?? 0),
    changes: changes.map(changeToWire),
    refusal: undefined,
  };
}

export function refusalToWire(name: string, error: unknown): Outcome {
  const { code, details } = statusOf(error);
  return {
    name,
    action: Action.ACTION_REFUSED,
    revision: 0n,
    previousRevision: 0n,
    changes: [],
    refusal: { code, message: details },
  };
}

const actions = {
  created: Action.ACTION_CREATED,
  configured: Action.ACTION_CONFIGURED,
  unchanged: Action.ACTION_UNCHANGED,
} as const;

function fieldOwnersToWire(record: ApplicationRecord): WireOwner[] {
  const present = fieldsOf(record.manifest);
  const removed = Object.keys(record.fieldOwners).filter((path) => !present.has(path));
  return [...present.keys(), ...removed].map((path) => ({
    path,
    ...ownerOfField(record, path),
    removed: !present.has(path),
  }));
}

function changesToWire(
  before: ApplicationManifestSpec,
  after: ApplicationManifestSpec,
): WireChange[] {
  return changesBetween(before, after).map(changeToWire);
}

function changeToWire({ path, before, after }: FieldChange): WireChange {
  return { path, before: json(before), after: json(after) };
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

function faultsToWire(faults: readonly SourceFault[]): Application["faults"] {
  return faults.map(({ source, reason, time }) => ({ source, reason, time: BigInt(time) }));
}
