import type { RegistryEvent } from "../application-registry/index.ts";
import type { ApplicationRecord } from "../model/application.ts";
import type { WarmDemand } from "../scheduler/warm-places.ts";

/** The applications that ask for warm services: what nodes are told to keep started (docs/protocol.md, "Warm services"). */
export class WarmApplications {
  readonly #records = new Map<string, ApplicationRecord>();
  /** By name; until one of them changes. */
  #demands: readonly WarmDemand[] | undefined;
  /** Something changed that nodes may have to be told. */
  changed = false;

  constructor(records: readonly ApplicationRecord[]) {
    for (const record of records) this.#take(record);
  }

  /** An application was created, changed or removed. */
  follow({ kind, record }: RegistryEvent): void {
    const asked = this.#records.delete(record.name);
    const asks = kind !== "removed" && this.#take(record);
    if (!asked && !asks) return;
    this.#demands = undefined;
    this.changed = true;
  }

  get(name: string): ApplicationRecord | undefined {
    return this.#records.get(name);
  }

  get demands(): readonly WarmDemand[] {
    this.#demands ??= [...this.#records.values()]
      .map(({ name, spec }) => ({ name, shim: spec.shim, count: spec.warm_instances ?? 0 }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return this.#demands;
  }

  #take(record: ApplicationRecord): boolean {
    const asks = record.state === "Enabled" && (record.spec.warm_instances ?? 0) > 0;
    if (asks) this.#records.set(record.name, record);
    return asks;
  }
}
