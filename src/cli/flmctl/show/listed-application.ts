import type {
  AbsentApplication,
  Application,
  FlameClient,
  RegistryApplication,
} from "../../../client/index.ts";
import { parseManifests } from "../../../manifest/manifest.ts";
import type { ApplicationManifestSpec } from "../../../model/application-spec.ts";
import { ifServed } from "../registry-access.ts";
import { applicationDocument } from "./object-documents.ts";
import { registryDocument } from "./view-registry.ts";

/** An application of a listing; without state and time of creation there is none, only a source that speaks of it. */
export interface ListedApplication extends Pick<Application, "name" | "spec"> {
  readonly state?: string;
  readonly creationTime?: Date;
  /** What the registry knows of it, where there is one. */
  readonly registry?: RegistryApplication | AbsentApplication;
}

/** Texts of faults are cut behind this in the STATUS column; `view app` shows them whole. */
const FAULT_CHARACTERS_MAX = 120;

/**
 * All applications by name, with what the registry knows of them where it is served.
 * @param brief without manifests and field owners: enough for the columns of a table
 */
export async function listApplications(
  cluster: Pick<FlameClient, "listApplications" | "registry">,
  brief: boolean,
): Promise<ListedApplication[]> {
  const [published, known] = await Promise.all([
    cluster.listApplications(),
    ifServed(cluster.registry.list({ brief })),
  ]);
  const listed: ListedApplication[] = published;
  if (known === undefined) return listed.sort(byName);
  const byNameOf = new Map(known.map((application) => [application.name, application]));
  const joined = listed.map((application) => {
    const registry = byNameOf.get(application.name);
    return registry === undefined ? application : { ...application, registry };
  });
  const names = new Set(published.map(({ name }) => name));
  const absent = known.filter(({ name, revision }) => revision === undefined && !names.has(name));
  return [...joined, ...absent.map(listedFromRegistry)].sort(byName);
}

/** A listed application out of what the registry alone tells, as a watch does. */
export function listedFromRegistry(
  registry: RegistryApplication | AbsentApplication,
): ListedApplication {
  const { name } = registry;
  if (registry.revision === undefined) return { name, spec: {}, registry };
  const { state, creationTime, revision } = registry;
  const raw = parseManifests(revision.manifest)[0]?.raw as
    | { readonly spec?: ApplicationManifestSpec | null }
    | undefined;
  return { name, state, creationTime, spec: raw?.spec ?? {}, registry };
}

/** The word of the STATUS column: what is wrong first, then what is unusual. */
export function statusText({ registry }: ListedApplication): string {
  if (registry === undefined) return "";
  const [fault, ...more] = registry.faults;
  if (fault !== undefined) {
    const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
    return `fault: ${cut(`${fault.source}: ${fault.reason}`)}${others}`;
  }
  if (registry.revision === undefined) return "";
  if (registry.state === "Disabled") return "goes when its sessions are closed";
  return registry.drift.length > 0 ? "edited" : "ok";
}

/** For `-o json`: the manifest, and under `status` all that is known. */
export function listedDocument(application: ListedApplication): object {
  const { name, state, creationTime, registry } = application;
  if (state === undefined || creationTime === undefined) {
    return { metadata: { name }, status: { faults: registry?.faults ?? [] } };
  }
  const known = registry?.revision === undefined ? {} : registryDocument(registry);
  const document = applicationDocument({
    ...application,
    state: state as Application["state"],
    creationTime,
  });
  return { ...document, status: { ...document.status, ...known } };
}

const byName = (a: ListedApplication, b: ListedApplication): number => (a.name < b.name ? -1 : 1);

function cut(text: string): string {
  return text.length > FAULT_CHARACTERS_MAX ? `${text.slice(0, FAULT_CHARACTERS_MAX)}...` : text;
}
