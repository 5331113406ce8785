import type { ApplyOutcome } from "../application-registry/index.ts";
import type { ManifestSource } from "../application-registry/manifest-source.ts";
import { faultText } from "../documents/fault.ts";
import type { CheckedManifest } from "../manifest/manifest.ts";
import type { ApplicationRecord } from "../model/application.ts";
import { FlameError } from "../model/errors.ts";
import type { PluginHost } from "./plugin.ts";
import type * as api from "./plugin-api.ts";

/** What `cluster.plugins` may reach: the published interface over the host of the built-in plugins. */
export function publishedHost(plugin: string, host: PluginHost): api.PluginHost {
  const { options, logger } = host;
  return Object.freeze({
    options,
    logger,
    onClose: (release: () => Promise<void> | void) => {
      host.onClose(release);
    },
    applications: publishedApplications(plugin, host),
  });
}

/** How the registry names a plugin as author and owner. */
function authorOf(plugin: string): string {
  return `plugin ${plugin}`;
}

function publishedApplications(plugin: string, host: PluginHost): api.PluginApplications {
  const { applications, faults, clock } = host;
  const owner = authorOf(plugin);
  return Object.freeze<api.PluginApplications>({
    list: async () => (await applications.list()).map(applicationOf),
    get: async (name) => {
      try {
        return applicationOf(await applications.get(name));
      } catch (thrown) {
        if (FlameError.from(thrown).code === "not_found") return undefined;
        throw thrown;
      }
    },
    apply: (manifests, options = {}) => apply(owner, host, manifests, options),
    remove: (name, options = {}) => applications.remove({ ...options, name, owner, author: owner }),
    watch: (listener) => {
      const stop = applications.watch(async ({ kind, record }) => {
        await listener({ kind, application: applicationOf(record) });
      });
      host.onClose(stop);
      return stop;
    },
    reportFault: (name, reason) => {
      faults.report(name, { source: owner, reason, time: clock.now() });
    },
    clearFault: (name) => {
      faults.clear(name, owner);
    },
  });
}

async function apply(
  author: string,
  { applications, admission }: PluginHost,
  manifests: api.Manifest | readonly api.Manifest[],
  { keep = true, expectedRevision, force = false, dryRun = false }: api.ApplyOptions,
): Promise<readonly api.ApplyOutcome[]> {
  const raw: readonly unknown[] = Array.isArray(manifests) ? manifests : [manifests];
  if (expectedRevision !== undefined && raw.length !== 1) {
    const text = `applications.apply: got expectedRevision with ${raw.length} manifests, expected one`;
    throw new FlameError("invalid_argument", text);
  }
  const owner = keep ? { owner: author } : {};
  const source: ManifestSource = { origin: "api", author, ...owner };
  const expected = expectedRevision === undefined ? {} : { expectedRevision };
  const checked: CheckedManifest[] = [];
  for (const one of raw) {
    const admitted = await admission.admit(one, source);
    if (!admitted.ok) {
      const { name, faults } = admitted;
      const who = name === undefined ? "" : `application ${JSON.stringify(name)}: `;
      const text = who + faults.map((fault) => faultText(fault)).join("; ");
      throw new FlameError("invalid_argument", text);
    }
    checked.push(admitted);
  }
  const inputs = checked.map(({ name, manifest, spec }) => {
    return { name, manifest, spec, ...source, ...expected, force };
  });
  return (await applications.apply(inputs, { dryRun })).map(outcomeOf);
}

function outcomeOf(outcome: ApplyOutcome): api.ApplyOutcome {
  if (outcome.action === "refused") throw outcome.error;
  const { name, action, record, changes } = outcome;
  const changed = changes.map(({ path }) => path);
  return { name, action, application: applicationOf(record), changed };
}

function applicationOf(record: ApplicationRecord): api.Application {
  const { name, state, revision, revisionTime, creationTime, origin, author, owner } = record;
  const { manifest, spec } = record;
  const kept = owner === undefined ? {} : { owner };
  return Object.freeze({
    ...{ name, state, revision, revisionTime, creationTime, origin, author },
    ...kept,
    manifest,
    spec,
  });
}
