import type { ApplicationState } from "../model/application.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import type * as pb from "../protocol/generated/flame/v1/types.ts";
import type { Application } from "./types.ts";
import { named, present, required, toDate } from "./wire.ts";

const applicationStates: readonly ApplicationState[] = ["Enabled", "Disabled"];
const shims = ["Host", "Wasm"] as const;

/** Every key of a type, so that a new field does not compile until it is carried over. */
type EveryKey<T> = { [K in keyof Required<T>]: unknown };

/** A manifest for RegisterApplication or UpdateApplication; what is absent stays absent. */
export function encodeApplicationSpec(spec: ApplicationManifestSpec): pb.ApplicationSpec {
  return {
    shim: shims.indexOf(spec.shim ?? "Host") as pb.Shim,
    description: spec.description,
    labels: [...(spec.labels ?? [])],
    image: spec.image,
    command: spec.command,
    arguments: [...(spec.arguments ?? [])],
    environments: Object.entries(spec.environments ?? {}).map(([name, value]) => ({ name, value })),
    workingDirectory: spec.working_directory,
    maxInstances: spec.max_instances,
    delayRelease: spec.delay_release === undefined ? undefined : BigInt(spec.delay_release),
    schema: spec.schema && {
      input: spec.schema.input,
      output: spec.schema.output,
      commonData: spec.schema.common_data,
    },
    url: spec.url,
    installer: spec.installer,
  } satisfies EveryKey<pb.ApplicationSpec>;
}

/** The manifest behind an application on the wire; empty lists count as absent, as the wire cannot tell. */
export function decodeApplicationSpec(spec: pb.ApplicationSpec): ApplicationManifestSpec {
  const fields = {
    shim: named(shims, spec.shim, "Application.spec.shim"),
    image: spec.image,
    description: spec.description,
    labels: filled(spec.labels),
    command: spec.command,
    arguments: filled(spec.arguments),
    environments: filledMap(spec.environments),
    working_directory: spec.workingDirectory,
    max_instances: spec.maxInstances,
    delay_release: spec.delayRelease === undefined ? undefined : Number(spec.delayRelease),
    schema: spec.schema && decodeSchema(spec.schema),
    url: spec.url,
    installer: spec.installer,
  } satisfies EveryKey<ApplicationManifestSpec>;
  // Another server may hold values that our schema does not know; showing them is better than failing.
  return present(fields) as ApplicationManifestSpec;
}

export function decodeApplication(application: pb.Application): Application {
  const status = required(application.status, "Application.status");
  return {
    name: required(application.metadata, "Application.metadata").name,
    state: named(applicationStates, status.state, "Application.status.state"),
    creationTime: toDate(status.creationTime),
    spec: decodeApplicationSpec(required(application.spec, "Application.spec")),
  };
}

function decodeSchema(schema: pb.ApplicationSchema): ApplicationManifestSpec["schema"] {
  return present({
    input: schema.input,
    output: schema.output,
    common_data: schema.commonData,
  });
}

function filled(list: string[]): string[] | undefined {
  return list.length === 0 ? undefined : list;
}

function filledMap(list: pb.Environment[]): Record<string, string> | undefined {
  return list.length === 0
    ? undefined
    : Object.fromEntries(list.map(({ name, value }) => [name, value]));
}
