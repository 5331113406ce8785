import type { Application } from "../../../client/index.ts";
import { faultText, pathText } from "../../../documents/fault.ts";
import { parseManifests } from "../../../manifest/manifest.ts";
import { toYaml } from "../../../manifest/to-yaml.ts";
import { warningsOf } from "../../../manifest/warnings.ts";
import { FlameError } from "../../../model/errors.ts";
import type { Cluster } from "../../context.ts";
import { labelled, listed } from "../../output/details.ts";
import { compactDuration } from "../../output/times.ts";
import { ifServed, needed } from "../registry-access.ts";
import { manifestDocument } from "./object-documents.ts";
import { revisionDetails } from "./revision-text.ts";
import { registryDetails } from "./view-registry.ts";

type Spec = Application["spec"];

/**
 * How each field is shown, in the order of the published layout of `view -a`. The fields that this layout does not have show
 * nothing where they are absent, as they are on session managers of another make.
 * @throws FlameError internal when a schema of the server is no JSON.
 */
const LINES: { readonly [K in keyof Required<Spec>]: (value: Spec[K]) => string } = {
  description: (text = "") => labelled("Description", text),
  shim: (shim = "Host") => labelled("Shim", shim),
  image: (image = "") => labelled("Image", image),
  url: (url = "") => labelled("URL", url),
  installer: (installer) => labelled("Installer", installer ?? ""),
  labels: (labels = []) => listed("Labels", labels),
  command: (command = "") => labelled("Command", command),
  arguments: (texts = []) => listed("Arguments", texts),
  environments: (variables = {}) =>
    listed(
      "Environments",
      Object.entries(variables).map(([key, value]) => `${key}: ${value}`),
    ),
  working_directory: (path = "") => labelled("WorkingDir", path),
  max_instances: (most) => labelled("Max Instances", most?.toString() ?? ""),
  delay_release: (seconds) =>
    labelled("Delay Release", seconds === undefined ? "" : compactDuration(seconds)),
  task_timeout: (seconds) =>
    seconds === undefined ? "" : labelled("Task Timeout", compactDuration(seconds)),
  max_crashes: (most) => (most === undefined ? "" : labelled("Max Crashes", String(most))),
  max_lost_nodes: (most) => (most === undefined ? "" : labelled("Node Losses", String(most))),
  warm_instances: (count) => (count === undefined ? "" : labelled("Warm", String(count))),
  packages: (packages) => (packages === undefined ? "" : listed("Packages", packages)),
  schema: (schema) => listed("Schema", schemaLines(schema), "  "),
};

function lineOf<K extends keyof Required<Spec>>(key: K, value: Spec[K]): string {
  return LINES[key](value);
}

function applicationDetails({ name, spec }: Application): string {
  const keys = Object.keys(LINES) as (keyof typeof LINES)[];
  return labelled("Name", name) + keys.map((key) => lineOf(key, spec[key])).join("");
}

/** Nothing where there is nothing to warn of. */
function warningDetails({ spec }: Application): string {
  const texts = warningsOf(spec).map(({ at, ...fault }) =>
    faultText({ ...fault, path: pathText(at) }),
  );
  return texts.length === 0 ? "" : listed("Warnings", texts, "  ");
}

/** How an application is shown in each form. */
export interface ViewedApplication {
  readonly details: () => string;
  readonly document: () => object;
  readonly yaml: () => string;
}

/**
 * Fetches an application, or one revision of it.
 * @param published only what the published calls tell
 * @throws FlameError not_found, naming the revisions that are kept
 */
export async function viewedApplication(
  cluster: Pick<Cluster, "getApplication" | "registry">,
  { name, revision }: { readonly name: string; readonly revision?: number },
  published: boolean,
): Promise<ViewedApplication> {
  if (revision !== undefined) return viewedRevision(cluster, name, revision);
  const app = await cluster.getApplication(name).catch(async (thrown: unknown) => {
    throw published ? thrown : await withFaults(cluster, name, FlameError.from(thrown));
  });
  const known = published ? undefined : await ifServed(cluster.registry.get(name));
  return {
    details: () =>
      applicationDetails(app) +
      (known === undefined ? "" : registryDetails(known) + warningDetails(app)),
    document: () => manifestDocument(app),
    yaml: () => toYaml(app.name, app.spec),
  };
}

/** Why there is no such application, where a file or plugin would have it but is faulty. */
async function withFaults(
  { registry }: Pick<Cluster, "registry">,
  name: string,
  error: FlameError,
): Promise<FlameError> {
  if (error.code !== "not_found") return error;
  const known = await ifServed(registry.list({ brief: true }));
  const faults = known?.find((application) => application.name === name)?.faults ?? [];
  const texts = faults.map(({ source, reason }) => `; ${source} would have it: ${reason}`);
  return new FlameError(error.code, error.message + texts.join(""), { cause: error });
}

async function viewedRevision(
  { registry }: Pick<Cluster, "registry">,
  name: string,
  number: number,
): Promise<ViewedApplication> {
  const revisions = await needed(registry.revisions(name), "leave --revision out");
  const found = revisions.find((revision) => revision.number === number);
  if (found !== undefined) {
    const raw = (): object => parseManifests(found.manifest)[0]?.raw as object;
    return { details: () => revisionDetails(found), document: raw, yaml: () => found.manifest };
  }
  const kept = revisions.map((revision) => revision.number).reverse();
  const text = `application ${JSON.stringify(name)} has no revision ${number}: kept are ${kept.join(", ")}`;
  throw new FlameError("not_found", text);
}

function schemaLines(schema: Spec["schema"]): string[] {
  if (schema === undefined) return [];
  return [
    `Input: ${typeOf("input", schema.input)}`,
    `Output: ${typeOf("output", schema.output)}`,
    `Common Data: ${typeOf("common_data", schema.common_data)}`,
  ];
}

/** The `type` of a JSON Schema; `-` for no schema and for one that allows any type. */
function typeOf(field: string, schema: string | undefined): string {
  if (schema === undefined) return "-";
  let parsed: unknown;
  try {
    parsed = JSON.parse(schema);
  } catch (cause) {
    const text = `schema.${field} is no JSON: got ${schema.slice(0, 80)}`;
    throw new FlameError("internal", text, { cause });
  }
  const type = typeof parsed === "object" && parsed !== null && "type" in parsed ? parsed.type : "";
  if (Array.isArray(type)) return type.join("|");
  return typeof type === "string" && type !== "" ? type : "-";
}
