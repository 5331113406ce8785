import {
  planSeed,
  type RegistryEvent,
  type SeedApplication,
  type SeedOutcome,
} from "../application-registry/index.ts";
import type { ManifestSource } from "../application-registry/manifest-source.ts";
import { faultText } from "../documents/fault.ts";
import { textOf } from "../kit/thrown.ts";
import type { FaultyManifest } from "../manifest/manifest.ts";
import type { ApplicationRecord } from "../model/application.ts";
import { FlameError } from "../model/errors.ts";
import type { PluginHost } from "./plugin.ts";

/** A default as its file says it: checked, or refused by a plugin of this cluster. */
export type ShippedDefault =
  | ({ readonly ok: true } & SeedApplication)
  | (FaultyManifest & { readonly name: string; readonly author: string });

/** What became of one default; `reason` says why it was refused. */
export interface SeedReport extends SeedOutcome {
  readonly reason?: string;
}

type Prepared = { readonly input: SeedApplication } | { readonly refused: SeedReport };

/** Somebody changes an application again and again just while it is seeded: then there is something else to look at. */
const ATTEMPTS_MAX = 5;
/** Fields that one text names; more are counted. */
const FIELDS_TOLD_MAX = 12;

/**
 * Seeds the shipped defaults, and keeps what cannot be followed visible in the faults of the application. One that was
 * refused is tried again when somebody changes it.
 */
export class DefaultSeeding {
  readonly #host: PluginHost;
  readonly #defaults: ReadonlyMap<string, ShippedDefault>;
  readonly #refused = new Set<string>();
  readonly #report: (report: SeedReport) => void;
  /** What is done about changes, one after the other. */
  #retries: Promise<void> = Promise.resolve();

  constructor(
    host: PluginHost,
    defaults: readonly ShippedDefault[],
    report: (report: SeedReport) => void,
  ) {
    this.#host = host;
    this.#defaults = new Map(defaults.map((shipped) => [shipped.name, shipped]));
    this.#report = report;
  }

  /** Seeds all of them in one change, then watches those that were refused. */
  async start(): Promise<void> {
    await this.#seed([...this.#defaults.values()]);
    const stop = this.#host.applications.watch((event) => {
      this.#changed(event);
    });
    this.#host.onClose(async () => {
      stop();
      await this.#retries;
    });
  }

  async #seed(defaults: readonly ShippedDefault[]): Promise<void> {
    for (const report of await this.#attempt(defaults, 1)) {
      const { name, action, reason } = report;
      const source = this.#defaults.get(name)?.author ?? "";
      if (action === "refused") {
        this.#refused.add(name);
        const time = this.#host.clock.now();
        this.#host.faults.report(name, { source, reason: reason ?? "", time });
      } else {
        this.#refused.delete(name);
        this.#host.faults.clear(name, source);
      }
      this.#report(report);
    }
  }

  async #attempt(
    defaults: readonly ShippedDefault[],
    attempt: number,
  ): Promise<readonly SeedReport[]> {
    const { applications } = this.#host;
    const records = await applications.list();
    const present = new Map(records.map((record) => [record.name, record]));
    const prepared: Prepared[] = [];
    for (const one of defaults) prepared.push(await this.#prepare(present.get(one.name), one));
    const inputs = prepared.flatMap((one) => ("input" in one ? [one.input] : []));
    const refused = prepared.flatMap((one) => ("refused" in one ? [one.refused] : []));
    try {
      return [...(await applications.seed(inputs)), ...refused];
    } catch (thrown) {
      if (FlameError.from(thrown).code !== "aborted" || attempt === ATTEMPTS_MAX) throw thrown;
      return this.#attempt(defaults, attempt + 1);
    }
  }

  /** The machine itself never parses: what a merge gives goes through the one door for manifests first. */
  async #prepare(
    before: ApplicationRecord | undefined,
    shipped: ShippedDefault,
  ): Promise<Prepared> {
    const { name, author } = shipped;
    if (!shipped.ok) return { refused: { name, action: "refused", reason: refusal(shipped) } };
    const { ok: _ok, ...application } = shipped;
    const input = { ...application, expectedRevision: before?.revision ?? 0 };
    const plan = planSeed(before, application.manifest);
    if (plan.action !== "merged") return { input };
    const source: ManifestSource = { origin: "default", author };
    const raw = { metadata: { name }, spec: plan.manifest };
    const checked = await this.#host.admission.admit(raw, source);
    if (checked.ok) {
      const { manifest, spec } = checked;
      return { input: { ...input, merge: { manifest, spec } } };
    }
    const what = `with ${fieldList(plan.kept)} as changed here and ${fieldList(plan.followed)} as shipped it would be refused`;
    const reason = `${what}: ${faultsText(checked)}; until one of them is changed it stays as it is`;
    return { refused: { name, action: "refused", reason } };
  }

  #changed({ kind, record: { name } }: RegistryEvent): void {
    const shipped = this.#defaults.get(name);
    if (shipped?.ok !== true || !this.#refused.has(name)) return;
    if (kind === "removed") {
      this.#refused.delete(name);
      this.#host.faults.clear(name, shipped.author);
      return;
    }
    const retry = async (): Promise<void> => {
      if (this.#refused.has(name)) await this.#seed([shipped]);
    };
    this.#retries = this.#retries.then(retry).catch((thrown: unknown) => {
      const text = `the default application ${name} could not be compared again`;
      this.#host.logger.warn({ application: name, reason: textOf(thrown) }, text);
    });
  }
}

function refusal(shipped: FaultyManifest): string {
  return `the shipped one is refused: ${faultsText(shipped)}; change that plugin's options, or exclude the application`;
}

function faultsText({ faults }: FaultyManifest): string {
  return faults.map(({ line: _line, column: _column, ...fault }) => faultText(fault)).join("; ");
}

/** `command, arguments and 3 more`. */
export function fieldList(fields: readonly string[]): string {
  const more = fields.length - FIELDS_TOLD_MAX;
  const told = fields.slice(0, FIELDS_TOLD_MAX).join(", ");
  return more > 0 ? `${told} and ${more} more` : told;
}
