import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type WrittenArchive, writeArchive } from "../../../archives/pack.ts";
import { type ObjectRef, objectBytesMax } from "../../../client/objects.ts";
import { envValue } from "../../../config/env.ts";
import type { CheckedManifest } from "../../../manifest/manifest.ts";
import { FlameError } from "../../../model/errors.ts";
import { type CacheAccess, type CliContext, type Cluster, withCluster } from "../../context.ts";
import type { Terminal } from "../../output/terminal.ts";
import { type ApplicationInput, readApplication } from "./application-input.ts";
import { deployReport, type ReportForm } from "./deploy-report.ts";
import { type DeployFlags, deployedManifest, flagText } from "./deployed-manifest.ts";
import { detectInstaller, detectStart, type Installer, refuseUninstallable } from "./detect.ts";

export interface DeployOptions {
  readonly flags: DeployFlags;
  /** What is deployed. */
  readonly path: string;
  readonly dryRun: boolean;
  readonly form: ReportForm;
  readonly configFile: string | undefined;
}

/** Stands in for the url until the content is known, so that everything else is checked before anything is packed. */
const URL_TO_COME = "grpc://localhost:9090/application/pkg/package.tar.gz";
/** How much of the content's hash is in the name of the package. */
const HASH_CHARACTERS = 16;
/** How many entries that were left out are named. */
const LEFT_OUT_MAX = 5;

/**
 * Packs a folder, archive or program, puts it into the object cache, and registers an application that runs it.
 * @throws FlameError for whatever is wrong with it; nothing is registered then, and what was uploaded is taken away again
 */
export async function deploy(options: DeployOptions, context: CliContext): Promise<void> {
  const cache = context.openCache(options.configFile);
  const scratch = await mkdtemp(
    join(envValue(context.env, "TMPDIR") ?? tmpdir(), "flmctl-deploy-"),
  );
  try {
    const input = await readApplication(options.path, scratch);
    const manifestFor = await planned(options.flags, input);
    tellWarnings(manifestFor(URL_TO_COME), input, context.terminal);
    const work = { ...options, context, cache, input, manifestFor, scratch };
    if (options.dryRun) await deployDry(work);
    else await withCluster(context, options.configFile, (cluster) => deployTo(cluster, work));
  } finally {
    cache.objects.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Work extends DeployOptions {
  readonly context: CliContext;
  readonly cache: CacheAccess;
  readonly input: ApplicationInput;
  readonly manifestFor: (url: string) => CheckedManifest;
  readonly scratch: string;
}

async function planned(
  flags: DeployFlags,
  input: ApplicationInput,
): Promise<(url: string) => CheckedManifest> {
  const installer = flags.installer ?? detectInstaller(input);
  refuseUninstallable(installer, input);
  const { command, args } = await startOf(flags, installer, input);
  return (url) => deployedManifest(flags, { url, installer, command, arguments: args });
}

/** Arguments that are detected belong to the command that is detected. */
async function startOf(
  flags: DeployFlags,
  installer: Installer,
  input: ApplicationInput,
): Promise<{ command: string; args: readonly string[] }> {
  if (flags.command !== undefined) return { command: flags.command, args: [] };
  const detected = await detectStart(flags.name, installer, input);
  if ("start" in detected)
    return { command: detected.start.command, args: detected.start.arguments };
  const text = `cannot tell what starts the service: ${detected.missing}`;
  throw new FlameError("invalid_config", text);
}

async function deployDry(work: Work): Promise<void> {
  const { key, archive } = await packed(work);
  report(work, { key, archive, url: `${work.cache.endpoint}/${key}` });
}

async function deployTo(cluster: Cluster, work: Work): Promise<void> {
  const { name } = work.flags;
  await refuseTaken(cluster, name);
  const { key, archive, file } = await packed(work);
  const ref = await work.cache.objects.upload(key, file).catch((thrown: unknown) => {
    throw notUploaded(work.cache.endpoint, FlameError.from(thrown));
  });
  const url = urlOf(ref);
  try {
    await cluster.registerApplication(name, work.manifestFor(url).manifest);
  } catch (thrown) {
    const error = FlameError.from(thrown);
    // Whoever was first with this name may have deployed the same content, under the same key.
    if (error.code !== "already_exists")
      await work.cache.objects.delete(key).catch(() => undefined);
    throw error;
  }
  report(work, { key, archive, url });
}

async function refuseTaken(cluster: Cluster, name: string): Promise<void> {
  const known = await cluster.getApplication(name).catch((thrown: unknown) => {
    if (FlameError.from(thrown).code === "not_found") return undefined;
    throw thrown;
  });
  if (known === undefined) return;
  const text =
    `application ${JSON.stringify(name)} already exists, nothing was uploaded: deploy under another --name, ` +
    `or remove it first: flmctl unregister ${name}`;
  throw new FlameError("already_exists", text);
}

async function packed({ flags, input, scratch }: Work): Promise<{
  key: string;
  archive: WrittenArchive;
  file: string;
}> {
  const file = join(scratch, "package.tar.gz");
  const archive = await writeArchive(input.files, file, objectBytesMax);
  const hash = archive.sha256.slice(0, HASH_CHARACTERS);
  return { key: `${flags.name}/pkg/${flags.name}-${hash}.tar.gz`, archive, file };
}

/** Nodes know another word for TLS than references. */
function urlOf({ endpoint, key }: ObjectRef): string {
  return `${endpoint.replace(/^grpc\+tls:/, "grpcs:").replace(/\/+$/, "")}/${key}`;
}

function notUploaded(endpoint: string, error: FlameError): FlameError {
  const text = `cannot upload the package to the object cache ${endpoint}: ${error.message}`;
  const advice =
    error.code === "unavailable"
      ? "; does it run, and is it the one of cache.endpoint or FLAME_CACHE_ENDPOINT?"
      : "";
  return new FlameError(error.code, text + advice, { cause: error });
}

function report(
  { context, input, dryRun, form, manifestFor }: Work,
  { key, archive, url }: { key: string; archive: WrittenArchive; url: string },
): void {
  const { sha256 } = archive;
  const deployment = { kind: input.kind, key, sha256, dryRun, checked: manifestFor(url) };
  context.terminal.out(deployReport(deployment, form));
}

function tellWarnings(
  { warnings }: CheckedManifest,
  { leftOut }: ApplicationInput,
  terminal: Terminal,
): void {
  for (const warning of warnings) terminal.err(`Warning: ${flagText(warning)}\n`);
  if (leftOut.length === 0) return;
  const shown = leftOut.slice(0, LEFT_OUT_MAX).join(", ");
  const more = leftOut.length > LEFT_OUT_MAX ? ` and ${leftOut.length - LEFT_OUT_MAX} more` : "";
  terminal.err(`left out, as no part of the project: ${shown}${more}\n`);
}
