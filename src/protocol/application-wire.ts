import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import type * as wire from "./generated/flame/v1/types.ts";

// The one place where an application's specification meets the wire. A key of the schema that is not carried over
// here does not compile.

/** For `satisfies`: a message without one of its fields, absent ones too, does not compile. */
export type EveryKeyOf<T> = { [K in keyof Required<T>]: unknown };

const shims = ["Host", "Wasm"] as const;

/** A specification, before or after defaults, as its message; what is absent stays absent. */
export function applicationSpecToWire(spec: ApplicationManifestSpec): wire.ApplicationSpec {
  return {
    shim: shims.indexOf(spec.shim ?? "Host") as wire.Shim,
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
    taskTimeout: spec.task_timeout,
    maxCrashes: spec.max_crashes,
    maxLostNodes: spec.max_lost_nodes,
    warmInstances: spec.warm_instances,
    packages: spec.packages && { entries: [...spec.packages] },
  } satisfies EveryKeyOf<wire.ApplicationSpec>;
}

/**
 * The manifest behind a message, unchecked. Empty lists and an empty working directory count as absent, since the wire
 * cannot tell; a later environment of the same name wins; an unknown shim is Host (docs/protocol.md, "Applications").
 */
export function applicationSpecFromWire(
  spec: wire.ApplicationSpec,
): Record<keyof ApplicationManifestSpec, unknown> {
  return {
    shim: shims.at(Math.max(0, spec.shim)) ?? "Host",
    description: spec.description,
    labels: spec.labels.length === 0 ? undefined : spec.labels,
    image: spec.image,
    command: spec.command,
    arguments: spec.arguments.length === 0 ? undefined : spec.arguments,
    environments:
      spec.environments.length === 0
        ? undefined
        : Object.fromEntries(spec.environments.map(({ name, value }) => [name, value])),
    working_directory: spec.workingDirectory === "" ? undefined : spec.workingDirectory,
    max_instances: spec.maxInstances,
    delay_release: spec.delayRelease === undefined ? undefined : Number(spec.delayRelease),
    schema: spec.schema && {
      input: spec.schema.input,
      output: spec.schema.output,
      common_data: spec.schema.commonData,
    },
    url: spec.url,
    installer: spec.installer,
    task_timeout: spec.taskTimeout,
    max_crashes: spec.maxCrashes,
    max_lost_nodes: spec.maxLostNodes,
    warm_instances: spec.warmInstances,
    packages: spec.packages?.entries,
  };
}
