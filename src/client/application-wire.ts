import type { ApplicationState } from "../model/application.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { applicationSpecFromWire } from "../protocol/application-wire.ts";
import type * as pb from "../protocol/generated/flame/v1/types.ts";
import type { Application } from "./types.ts";
import { named, present, required, toDate } from "./wire.ts";

const applicationStates: readonly ApplicationState[] = ["Enabled", "Disabled"];

export function decodeApplication(application: pb.Application): Application {
  const status = required(application.status, "Application.status");
  return {
    name: required(application.metadata, "Application.metadata").name,
    state: named(applicationStates, status.state, "Application.status.state"),
    creationTime: toDate(status.creationTime),
    spec: decodeApplicationSpec(required(application.spec, "Application.spec")),
  };
}

/** The manifest behind an application on the wire, with only the keys that are set. */
export function decodeApplicationSpec(spec: pb.ApplicationSpec): ApplicationManifestSpec {
  const fields = applicationSpecFromWire(spec);
  const schema = fields.schema === undefined ? undefined : present(fields.schema as object);
  // Another server may hold values that our schema does not know; showing them is better than failing.
  return present({ ...fields, schema }) as ApplicationManifestSpec;
}
