import { type Fault, faultText } from "../../../documents/fault.ts";
import { type CheckedManifest, checkManifest } from "../../../manifest/manifest.ts";
import type { ApplicationManifestSpec } from "../../../model/application-spec.ts";
import { FlameError } from "../../../model/errors.ts";
import type { Installer } from "./detect.ts";

/** What flags say of the application; what is absent is detected, or left to its default. */
export interface DeployFlags {
  readonly name: string;
  readonly shim?: string;
  readonly image?: string;
  readonly description?: string;
  readonly label?: readonly string[];
  readonly command?: string;
  readonly argument?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  readonly maxInstances?: number;
  readonly delayRelease?: number;
  readonly installer?: Installer;
  readonly schemaInput?: string;
  readonly schemaOutput?: string;
  readonly schemaCommonData?: string;
}

/** What is not of the flags. */
interface Found {
  readonly url: string;
  readonly installer: Installer;
  readonly command: string;
  readonly arguments: readonly string[];
}

/** The flags that faults are about; those of lists and mappings by how their places begin. */
const FLAGS: readonly (readonly [string, string])[] = [
  ["metadata.name", "--name"],
  ["spec.shim", "--shim"],
  ["spec.image", "--image"],
  ["spec.description", "--description"],
  ["spec.labels", "--label"],
  ["spec.command", "--command"],
  ["spec.arguments", "--argument"],
  ["spec.environments", "--env"],
  ["spec.working_directory", "--working-directory"],
  ["spec.max_instances", "--max-instances"],
  ["spec.delay_release", "--delay-release"],
  ["spec.installer", "--installer"],
  ["spec.schema.input", "--schema-input"],
  ["spec.schema.output", "--schema-output"],
  ["spec.schema.common_data", "--schema-common-data"],
];

/**
 * The manifest of an application that is going to be deployed.
 * @throws FlameError invalid_config with every fault, each with the flag that it is about
 */
export function deployedManifest(flags: DeployFlags, found: Found): CheckedManifest {
  const checked = checkManifest({ metadata: { name: flags.name }, spec: specOf(flags, found) });
  if (checked.ok) return checked;
  throw new FlameError("invalid_config", checked.faults.map(flagText).join("; "));
}

/** A fault or warning, with the flag in the place of the key. */
export function flagText(fault: Fault): string {
  const [, flag = fault.path] = FLAGS.find(([path]) => fault.path.startsWith(path)) ?? [];
  return faultText({ ...fault, path: flag });
}

function specOf(flags: DeployFlags, found: Found): ApplicationManifestSpec {
  const schema = present({
    input: flags.schemaInput,
    output: flags.schemaOutput,
    common_data: flags.schemaCommonData,
  });
  const args = flags.argument ?? found.arguments;
  return present({
    shim: flags.shim,
    image: flags.image,
    description: flags.description,
    labels: flags.label,
    command: flags.command ?? found.command,
    arguments: args.length === 0 ? undefined : args,
    environments: flags.env,
    working_directory: flags.workingDirectory,
    max_instances: flags.maxInstances,
    delay_release: flags.delayRelease,
    schema: Object.keys(schema).length === 0 ? undefined : schema,
    url: found.url,
    installer: found.installer,
  });
}

function present(keys: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
}
