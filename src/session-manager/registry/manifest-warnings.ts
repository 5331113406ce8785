import type { RegistryEvent, RegistryHost } from "../../application-registry/index.ts";
import { faultText, pathText } from "../../documents/fault.ts";
import type { Logger } from "../../kit/logger.ts";
import { warningsOf } from "../../manifest/warnings.ts";

/** Warnings in one line of the log; more are counted. */
const TOLD_MAX = 8;

/**
 * Logs what is allowed in a manifest and will not do what its writer may think, once for each revision, whatever
 * brought it: the published calls have no other place to say so. Returns how to stop.
 */
export function logManifestWarnings(
  registry: Pick<RegistryHost, "watch">,
  logger: Logger,
): () => void {
  /** The revision that was told of last, by application: of those alone that have warnings. */
  const told = new Map<string, number>();
  return registry.watch(({ kind, record }: RegistryEvent) => {
    const { name, revision, author, manifest } = record;
    const warnings = kind === "removed" ? [] : warningsOf(manifest);
    if (warnings.length === 0) {
      told.delete(name);
      return;
    }
    if (kind === "changed" && told.get(name) === revision) return;
    told.set(name, revision);
    const texts = warnings.map(({ at, ...fault }) => faultText({ ...fault, path: pathText(at) }));
    const more = texts.length > TOLD_MAX ? `; and ${texts.length - TOLD_MAX} more` : "";
    logger.warn(
      { application: name, revision, author },
      `application ${JSON.stringify(name)}: ${texts.slice(0, TOLD_MAX).join("; ")}${more}`,
    );
  });
}
