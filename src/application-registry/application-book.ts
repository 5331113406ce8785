import type { ApplicationRecord } from "../model/application.ts";
import { FlameError } from "../model/errors.ts";
import { applyAll } from "./apply.ts";
import { refuseGuarded } from "./guards.ts";
import type {
  ApplyApplication,
  ApplyOptions,
  ApplyOutcome,
  RegisterApplication,
  RemoveApplication,
  RemoveOutcome,
  SeedApplication,
  SeedOutcome,
  UpdateApplication,
} from "./inputs.ts";
import { firstRevision, nextRevision } from "./revisions.ts";
import { sameDocument } from "./same-document.ts";
import { seedApplication } from "./seeding.ts";

/** Manifests of all applications together, in characters of their JSON: all of them are in memory. */
export const manifestCharsMax = 16 * 1024 * 1024;

/** Somebody has to unregister one first. */
const retryAfterMs = 10_000;

/** What seeding did with one default. */
export interface SeedResult {
  readonly outcome: SeedOutcome;
  /** As it was; undefined: it was absent. */
  readonly before: ApplicationRecord | undefined;
  /** As it is now: the same object as before when nothing changed. */
  readonly record: ApplicationRecord;
}

/**
 * Every application of the cluster and the rules of changing one. Pure: no clock, no I/O; times are Unix milliseconds.
 * A call that throws has changed nothing. Rules: docs/protocol.md, "Applications" and "The registry".
 */
export class ApplicationBook {
  readonly #records = new Map<string, ApplicationRecord>();
  readonly #applicationsMax: number;
  /** Of all manifests. */
  #charsOfAll: number;
  /** Until one of them changes. */
  #sorted: readonly ApplicationRecord[] | undefined;

  /**
   * @param applicationsMax registered applications beyond which none is taken; @default Infinity
   * @param manifestChars of these records, where somebody knows; @default counted
   */
  constructor(
    records: readonly ApplicationRecord[],
    applicationsMax = Number.POSITIVE_INFINITY,
    manifestChars = records.reduce((sum, { manifest }) => sum + charsOf(manifest), 0),
  ) {
    this.#applicationsMax = applicationsMax;
    this.#charsOfAll = manifestChars;
    for (const record of records) this.#records.set(record.name, record);
  }

  find(name: string): ApplicationRecord | undefined {
    return this.#records.get(name);
  }

  /** @throws FlameError not_found */
  get(name: string): ApplicationRecord {
    const record = this.#records.get(name);
    if (record !== undefined) return record;
    throw new FlameError("not_found", `application ${JSON.stringify(name)} not found`);
  }

  get size(): number {
    return this.#records.size;
  }

  /** Characters of all manifests. */
  get manifestChars(): number {
    return this.#charsOfAll;
  }

  /** All of them, sorted by name. */
  list(): readonly ApplicationRecord[] {
    this.#sorted ??= Object.freeze(
      [...this.#records.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
    return this.#sorted;
  }

  /** @throws FlameError already_exists, or resource_exhausted at `applicationsMax` or {@link manifestCharsMax} */
  register(input: RegisterApplication, now: number): ApplicationRecord {
    if (this.#records.has(input.name)) {
      const text = `application ${JSON.stringify(input.name)} already exists; update it, or unregister it first`;
      throw new FlameError("already_exists", text);
    }
    this.#refuseTooMany(input.name, 1);
    this.#checkRoom([input], "registered");
    return this.#keep(firstRevision(input, { kind: "register" }, now));
  }

  /**
   * Replaces the whole manifest; name, state and creation time are kept. The same manifest again is no new revision.
   * @throws FlameError not_found, invalid_state while sessions are open or another keeps the application, or
   * resource_exhausted at {@link manifestCharsMax}
   */
  update(input: UpdateApplication, openSessions: number, now: number): ApplicationRecord {
    const record = this.get(input.name);
    refuseGuarded(record, {});
    refuseOpenSessions(record.name, openSessions, "updated", UPDATE_WITH_SESSIONS);
    if (sameDocument(record.manifest, input.manifest)) return record;
    this.#checkRoom([input], "updated");
    return this.#keep(nextRevision(record, input, { kind: "update" }, now));
  }

  /** @throws FlameError not_found, or invalid_state while sessions are open or another keeps the application */
  unregister(name: string, openSessions: number): void {
    const record = this.get(name);
    refuseGuarded(record, {});
    refuseOpenSessions(record.name, openSessions, "unregistered", UNREGISTER_WITH_SESSIONS);
    this.#forget(name);
  }

  /**
   * Creates or replaces applications, in order, all or (unless `continueOnError`) none. Open sessions do not stand in
   * the way: they stay with the revision that they were created with.
   * @throws FlameError what the first refusal says, with the texts of all: aborted for another revision than expected,
   * invalid_state for another's application, invalid_argument for a name that comes twice, resource_exhausted
   */
  apply(
    inputs: readonly ApplyApplication[],
    options: ApplyOptions,
    now: number,
  ): readonly ApplyOutcome[] {
    const outcomes = applyAll(inputs, (name) => this.#records.get(name), options, now);
    const created = outcomes.filter(({ action }) => action === "created");
    const [first] = created;
    if (first !== undefined) this.#refuseTooMany(first.name, created.length);
    this.#checkRoom(
      outcomes.flatMap((outcome) => ("record" in outcome ? [outcome.record] : [])),
      "applied",
    );
    if (options.dryRun === true) return outcomes;
    for (const outcome of outcomes) if ("record" in outcome) this.#keep(outcome.record);
    return outcomes;
  }

  /**
   * Takes an application away, or disables it while it has open sessions.
   * @throws FlameError not_found, aborted, or invalid_state while sessions are open or another keeps the application
   */
  remove(
    input: RemoveApplication,
    openSessions: number,
  ): { outcome: RemoveOutcome; record: ApplicationRecord } {
    const record = this.get(input.name);
    refuseGuarded(record, input);
    if (openSessions === 0) {
      this.#forget(record.name);
      return { outcome: "removed", record };
    }
    if (input.whenUnused !== true) refuseOpenSessions(record.name, openSessions, "removed");
    return {
      outcome: "disabled",
      record: this.#keep(Object.freeze({ ...record, state: "Disabled", removedBy: input.author })),
    };
  }

  /**
   * Brings the default applications to what is shipped without touching what somebody changed: all, or none. Open
   * sessions do not stand in the way: they stay with the revision that they were created with.
   * @throws FlameError aborted when one is not as it was when it was compared
   */
  seed(defaults: readonly SeedApplication[], now: number): readonly SeedResult[] {
    const results = defaults.map((shipped): SeedResult => {
      const before = this.#records.get(shipped.name);
      return { before, ...seedApplication(before, shipped, now) };
    });
    for (const { record } of results) this.#keep(record);
    return results;
  }

  #keep(record: ApplicationRecord): ApplicationRecord {
    const { name, manifest } = record;
    const before = this.#records.get(name);
    if (before === record) return record;
    if (before?.manifest !== manifest) this.#charsOfAll += charsOf(manifest) - charsKept(before);
    this.#records.set(name, record);
    this.#sorted = undefined;
    return record;
  }

  #forget(name: string): void {
    this.#charsOfAll -= charsKept(this.#records.get(name));
    this.#records.delete(name);
    this.#sorted = undefined;
  }

  #refuseTooMany(name: string, more: number): void {
    if (this.#records.size + more <= this.#applicationsMax) return;
    const text = `application ${JSON.stringify(name)} was not registered: got ${this.#records.size} applications and ${more} more, expected at most ${this.#applicationsMax} (cluster.limits.max_applications); unregister some`;
    throw new FlameError("resource_exhausted", text, { retryAfterMs });
  }

  #checkRoom(
    inputs: readonly Pick<RegisterApplication, "name" | "manifest">[],
    verb: string,
  ): void {
    let after = this.#charsOfAll;
    for (const { name, manifest } of inputs) {
      const before = this.#records.get(name);
      if (before?.manifest === manifest) continue;
      const chars = charsOf(manifest);
      after += chars - charsKept(before);
      if (after <= manifestCharsMax) continue;
      const text = `application ${JSON.stringify(name)} was not ${verb}: its manifest has ${chars} characters, all manifests would have ${after}, at most ${manifestCharsMax} are kept; unregister some applications`;
      throw new FlameError("resource_exhausted", text, { retryAfterMs });
    }
  }
}

const charsOf = (manifest: ApplicationRecord["manifest"]): number =>
  JSON.stringify(manifest).length;

const charsKept = (record: ApplicationRecord | undefined): number =>
  record === undefined ? 0 : charsOf(record.manifest);

/** What does, at once, what an update of an application with open sessions does not. */
const UPDATE_WITH_SESSIONS =
  "; flmctl apply -f FILE changes it at once, and leaves open sessions with the revision that they were created with";

const UNREGISTER_WITH_SESSIONS =
  "; flmctl unregister NAME --when-unused lets it take no new sessions and go with the last open one";

function refuseOpenSessions(name: string, openSessions: number, verb: string, instead = ""): void {
  if (openSessions === 0) return;
  const sessions = openSessions === 1 ? "1 open session" : `${openSessions} open sessions`;
  const text = `${sessions} in the application ${JSON.stringify(name)}: it can be ${verb} when they are closed${instead}`;
  throw new FlameError("invalid_state", text);
}
