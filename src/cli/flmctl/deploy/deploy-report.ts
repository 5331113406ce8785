import type { CheckedManifest } from "../../../manifest/manifest.ts";
import { jsonText, yamlText } from "../../output/documents.ts";
import { compactDuration } from "../../output/times.ts";
import type { InputKind } from "./application-input.ts";

export type ReportForm = "summary" | "yaml" | "json";

/** What was deployed, or would be. */
export interface Deployment {
  readonly kind: InputKind;
  readonly key: string;
  readonly sha256: string;
  readonly dryRun: boolean;
  readonly checked: CheckedManifest;
}

/** A deployment in the forms of the published tool. */
export function deployReport(deployment: Deployment, form: ReportForm): string {
  if (form === "yaml") return yamlText(applicationOf(deployment));
  return form === "json" ? jsonText(documentOf(deployment)) : summaryOf(deployment);
}

function applicationOf({ checked }: Deployment): object {
  return { metadata: { name: checked.name }, spec: checked.manifest };
}

function documentOf(deployment: Deployment): object {
  const { installer, command, url, arguments: args } = deployment.checked.manifest;
  return {
    name: deployment.checked.name,
    input_kind: deployment.kind,
    installer,
    command,
    arguments: args ?? [],
    object_key: deployment.key,
    url,
    sha256: deployment.sha256,
    dry_run: deployment.dryRun,
    application: applicationOf(deployment),
  };
}

function summaryOf({ kind, key, sha256, dryRun, checked }: Deployment): string {
  const { installer, command, url, delay_release, arguments: args = [] } = checked.manifest;
  const lines = [
    `Application <${checked.name}> ${dryRun ? "deploy plan" : "deployed"}.`,
    `Input Kind: ${kind}`,
    `Installer: ${installer ?? ""}`,
    `Command: ${command ?? ""}`,
    ...(delay_release === undefined ? [] : [`Delay Release: ${compactDuration(delay_release)}`]),
    ...(args.length === 0 ? [] : [`Arguments: ${args.join(" ")}`]),
    `Object: ${key}`,
    `SHA256: ${sha256}`,
    `URL: ${url ?? ""}`,
    ...(dryRun ? ["Dry Run: true"] : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
