import type { Application } from "../../client/index.ts";
import { FlameError } from "../../model/errors.ts";
import { labelled, listed } from "../output/details.ts";
import { compactDuration } from "../output/times.ts";

/**
 * An application in the published layout of `view -a`.
 * @throws FlameError internal when a schema of the server is no JSON.
 */
export function applicationDetails({ name, spec }: Application): string {
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
    listed("Schema", schemaLines(spec.schema), "  "),
  ].join("");
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
