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

/**
 * An application in the published layout of `view -a`.
 * @throws FlameError internal when a schema of the server is no JSON.
 */
function applicationDetails({ name, spec }: Application): string {
  const environments = Object.entries(spec.environments ?? {});
  return [
    labelled("Name", name),
    labelled("Description", spec.description ?? ""),
    labelled("Shim", spec.shim ?? "Host"),
    labelled("Image", spec.image ?? ""),
    labelled("URL", spec.url ?? ""),
    labelled("Installer", spec.installer ?? ""),
    listed("Labels", spec.labels ?? []),
    labelled("Command", spec.command ?? ""),
    listed("Arguments", spec.arguments ?? []),
    listed(
      "Environments",
      environments.map(([key, value]) => `${key}: ${value}`),
    ),
    labelled("WorkingDir", spec.working_directory ?? ""),
    labelled("Max Instances", spec.max_instances?.toString() ?? ""),
    labelled(
      "Delay Release",
      spec.delay_release === undefined ? "" : compactDuration(spec.delay_release),
    ),
    ...ownDetails(spec),
    listed("Schema", schemaLines(spec.schema), "  "),
  ].join("");
}

/** Nothing where there is nothing to warn of. */
function warningDetails({ spec }: Application): string {
  const texts = warningsOf(spec).map(({ at, ...fault }) =>
    faultText({ ...fault, path: pathText(at) }),
  );
  return texts.length === 0 ? "" : listed("Warnings", texts, "  ");
}

/** Lines that the published layout does not have: none where nothing is said of them, as on other session managers. */
function ownDetails(spec: Application["spec"]): string[] {
  const { task_timeout, max_crashes, max_lost_nodes, warm_instances, packages } = spec;
  return [
    task_timeout === undefined ? "" : labelled("Task Timeout", compactDuration(task_timeout)),
    max_crashes === undefined ? "" : labelled("Max Crashes", String(max_crashes)),
    max_lost_nodes === undefined ? "" : labelled("Node Losses", String(max_lost_nodes)),
    warm_instances === undefined ? "" : labelled("Warm", String(warm_instances)),
    packages === undefined ? "" : listed("Packages", packages),
  ];
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

function schemaLines(schema: Application["spec"]["schema"]): string[] {
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
