import type { ApplicationRecord } from "../model/application.ts";
import { FlameError } from "../model/errors.ts";
import type {
  RegisterApplication,
  SeedApplication,
  SeedOutcome,
  UpdateApplication,
} from "./inputs.ts";
import { sameDocument } from "./same-document.ts";
import { seedApplication } from "./seeding.ts";

/** Manifests of all applications together, in characters of their JSON: all of them are in memory. */
export const manifestCharsMax = 16 * 1024 * 1024;

/** Somebody has to unregister one first. */
const retryAfterMs = 10_000;

/** What seeding decided for all defaults together. */
export interface SeedResult {
  readonly outcomes: readonly SeedOutcome[];
  /** New state of what was created, followed or newly recognised as shipped. */
  readonly changed: readonly ApplicationRecord[];
  /** The revisions that `followed` ones replaced: open sessions may still be pinned to them. */
  readonly replaced: readonly ApplicationRecord[];
}

/**
 * Every application of the cluster and the rules of changing one. Pure: no clock, no I/O; times are Unix milliseconds.
 * A call that throws has changed nothing. Rules: docs/protocol.md, "Applications".
 */
export class ApplicationBook {
  readonly #records = new Map<string, ApplicationRecord>();
  readonly #applicationsMax: number;
  /** Characters of each manifest, and of all. */
  readonly #chars = new Map<string, number>();
  #charsOfAll = 0;

  /** @param applicationsMax registered applications beyond which none is taken; @default Infinity */
  constructor(records: Iterable<ApplicationRecord>, applicationsMax = Number.POSITIVE_INFINITY) {
    this.#applicationsMax = applicationsMax;
    for (const record of records) this.#keep(record);
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

  /** Characters of all manifests. */
  get manifestChars(): number {
    return this.#charsOfAll;
  }

  /** All of them, sorted by name. */
  list(): readonly ApplicationRecord[] {
    return [...this.#records.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws FlameError already_exists, or resource_exhausted at `applicationsMax` or {@link manifestCharsMax} */
  register(input: RegisterApplication, now: number): ApplicationRecord {
    if (this.#records.has(input.name)) {
      const text = `application ${JSON.stringify(input.name)} already exists; update it, or unregister it first`;
      throw new FlameError("already_exists", text);
    }
    if (this.#records.size >= this.#applicationsMax) {
      const text = `application ${JSON.stringify(input.name)} was not registered: got ${this.#records.size} applications, expected at most ${this.#applicationsMax} (cluster.limits.max_applications); unregister some`;
      throw new FlameError("resource_exhausted", text, { retryAfterMs });
    }
    this.#checkRoom(input, "registered");
    return this.#keep(firstRevision(input, now));
  }

  /**
   * Replaces the whole manifest; name, state and creation time are kept. The same manifest again is no new revision.
   * @throws FlameError not_found, invalid_state while sessions are open, or resource_exhausted at {@link manifestCharsMax}
   */
  update(input: UpdateApplication, openSessions: number, now: number): ApplicationRecord {
    const record = this.get(input.name);
    refuseOpenSessions(record.name, openSessions, "updated");
    if (sameDocument(record.manifest, input.manifest)) return record;
    this.#checkRoom(input, "updated");
    return this.#keep(nextRevision(record, input, now));
  }

  /** @throws FlameError not_found, or invalid_state while sessions are open */
  unregister(name: string, openSessions: number): void {
    const record = this.get(name);
    refuseOpenSessions(record.name, openSessions, "unregistered");
    this.#records.delete(record.name);
    this.#charsOfAll -= this.#chars.get(name) ?? 0;
    this.#chars.delete(name);
  }

  /**
   * Brings the default applications to what is shipped without touching what somebody changed. Open sessions do not
   * stand in the way: they stay with the revision that they were created with.
   */
  seed(defaults: readonly SeedApplication[], now: number): SeedResult {
    const outcomes: SeedOutcome[] = [];
    const changed: ApplicationRecord[] = [];
    const replaced: ApplicationRecord[] = [];
    for (const shipped of defaults) {
      const before = this.#records.get(shipped.name);
      const { action, record } = seedApplication(before, shipped, now);
      outcomes.push({ name: shipped.name, action });
      if (record !== before) changed.push(this.#keep(record));
      if (action === "followed" && before !== undefined) replaced.push(before);
    }
    return { outcomes, changed, replaced };
  }

  #keep(record: ApplicationRecord): ApplicationRecord {
    const chars = charsOf(record.manifest);
    this.#charsOfAll += chars - (this.#chars.get(record.name) ?? 0);
    this.#chars.set(record.name, chars);
    this.#records.set(record.name, record);
    return record;
  }

  #checkRoom({ name, manifest }: RegisterApplication, verb: string): void {
    const chars = charsOf(manifest);
    const after = this.#charsOfAll - (this.#chars.get(name) ?? 0) + chars;
    if (after <= manifestCharsMax) return;
    const text = `application ${JSON.stringify(name)} was not ${verb}: its manifest has ${chars} characters, all manifests would have ${after}, at most ${manifestCharsMax} are kept; unregister some applications`;
    throw new FlameError("resource_exhausted", text, { retryAfterMs });
  }
}

const charsOf = (manifest: ApplicationRecord["manifest"]): number =>
  JSON.stringify(manifest).length;

function refuseOpenSessions(name: string, openSessions: number, verb: string): void {
  if (openSessions === 0) return;
  const sessions = openSessions === 1 ? "1 open session" : `${openSessions} open sessions`;
  const text = `${sessions} in the application ${JSON.stringify(name)}: it can be ${verb} when they are closed`;
  throw new FlameError("invalid_state", text);
}

function firstRevision(input: RegisterApplication, now: number): ApplicationRecord {
  const { name, manifest, spec, origin, author } = input;
  return Object.freeze({
    name,
    state: "Enabled",
    creationTime: now,
    revision: 1,
    revisionTime: now,
    origin,
    author,
    manifest,
    spec,
  });
}

function nextRevision(
  record: ApplicationRecord,
  input: UpdateApplication,
  now: number,
): ApplicationRecord {
  const { manifest, spec, origin, author } = input;
  return Object.freeze({
    ...record,
    revision: record.revision + 1,
    revisionTime: now,
    origin,
    author,
    manifest,
    spec,
  });
}
