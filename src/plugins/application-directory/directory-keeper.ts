import type { ApplyApplication, ApplyOutcome } from "../../application-registry/index.ts";
import { manifestWithout } from "../../application-registry/ownership.ts";
import { faultText } from "../../documents/fault.ts";
import { textOf } from "../../kit/thrown.ts";
import type { ClaimFault } from "../../manifest-directory/claims.ts";
import { Debounce } from "../../manifest-directory/debounce.ts";
import type { DirectoryLook } from "../../manifest-directory/directory-reader.ts";
import { FlameError } from "../../model/errors.ts";
import type { PluginHost } from "../plugin.ts";
import { type Departure, type DesiredApplication, decide } from "./decide.ts";
import { FaultBoard, faultKey } from "./fault-board.ts";
import { reportApplied } from "./report.ts";

/** Of the plugin host, what the directory needs. */
export type KeeperHost = Pick<
  PluginHost,
  "applications" | "admission" | "faults" | "logger" | "clock"
>;

/** A fault or a removal counts when it has been so for this time, in milliseconds: saves are not always one step. */
const SETTLE_MS = 300;
/** After a change that the registry could not take just then. */
const RETRY_MS = 1000;

/**
 * Brings the registry to what a directory holds. It remembers nothing that is not in the registry or on disk, but for
 * which saves it has acted on: what somebody forces over a file lasts until that is saved again, or until a restart.
 */
export class DirectoryKeeper {
  readonly #host: KeeperHost;
  readonly #folder: string;
  readonly #board: FaultBoard;
  readonly #debounce = new Debounce(SETTLE_MS);
  /** The last word that was acted on, by application. */
  #acted = new Map<string, DesiredApplication>();
  /** What the registry refused, by application. */
  readonly #refused = new Map<string, ClaimFault>();
  #first = true;

  constructor(deps: { host: KeeperHost; folder: string }) {
    this.#host = deps.host;
    this.#folder = deps.folder;
    this.#board = new FaultBoard(deps.host);
  }

  /** Acts on a look at the directory. Returns when it wants to look again although nothing changed, in milliseconds. */
  async act(look: DirectoryLook): Promise<number | undefined> {
    const records = await this.#host.applications.list();
    if (look.folder !== "present") return this.#withoutFolder(look, records);
    const { desired, departures, faults } = decide({
      folder: this.#folder,
      files: look.files,
      records,
    });
    const now = this.#host.clock.steady();
    const leaving = new Map(departures.map((one) => [`leaves ${one.record.name}`, one]));
    const held = new Map(faults.map((one) => [faultKey(one), one]));
    const keys = [...leaving.keys(), ...held.keys()];
    const { due, nextMs } = this.#debounce.round(keys, now, this.#first);
    const retry = await this.#carryOut(
      [...desired.values()].filter((wanted) => !this.#isDone(wanted)),
      [...leaving].filter(([key]) => due.has(key)).map(([, farewell]) => farewell),
    );
    this.#forget(desired);
    this.#board.show([
      ...[...held].filter(([key]) => due.has(key)).map(([, fault]) => fault),
      ...this.#refused.values(),
    ]);
    this.#first = false;
    return retry ? Math.min(RETRY_MS, nextMs ?? RETRY_MS) : nextMs;
  }

  /** Whether the registry refused the word of a file on it; that is tried again with each look. */
  wasRefused(name: string): boolean {
    return this.#refused.has(name);
  }

  /** A folder that is away says nothing: it may be a volume that is not mounted. To remove all, empty it. */
  #withoutFolder(
    look: DirectoryLook,
    records: Parameters<typeof decide>[0]["records"],
  ): number | undefined {
    const { departures } = decide({ folder: this.#folder, files: new Map(), records });
    const names = departures.map(({ record }) => record.name);
    const reason =
      look.folder === "missing"
        ? "the folder is gone, and what its files keep stays as it is; bring it back, empty if these applications shall go"
        : `the folder cannot be read: ${look.reason ?? ""}`;
    const concerned = look.folder === "missing" || names.length > 0 ? names : [""];
    const faults = concerned.map((name) => ({ name, path: this.#folder, reason }));
    const now = this.#host.clock.steady();
    const { due, nextMs } = this.#debounce.round(faults.map(faultKey), now, this.#first);
    this.#board.show(faults.filter((one) => due.has(faultKey(one))));
    // What is there when it comes back is looked at anew.
    this.#acted.clear();
    this.#refused.clear();
    this.#first = false;
    return nextMs;
  }

  #isDone(wanted: DesiredApplication): boolean {
    const { name } = wanted.manifest;
    const acted = this.#acted.get(name);
    const same = acted?.manifest === wanted.manifest && acted.path === wanted.path;
    return same && wanted.takesOver === undefined && !this.#refused.has(name);
  }

  /** All in one round, which is one commit. Returns whether something has to be tried again. */
  async #carryOut(
    desired: readonly DesiredApplication[],
    departures: readonly Departure[],
  ): Promise<boolean> {
    if (desired.length === 0 && departures.length === 0) return false;
    const releases = await Promise.all(
      departures.filter(({ remove }) => !remove).map((one) => this.#release(one)),
    );
    const removals = departures.filter(({ remove }) => remove);
    const changes = [...desired.map(applicationOf), ...releases.flatMap((one) => one ?? [])];
    const [outcomes, ...removed] = await Promise.all([
      this.#apply(changes),
      ...removals.map((one) => this.#remove(one)),
    ]);
    for (const [index, wanted] of desired.entries()) this.#note(wanted, outcomes[index]);
    const failed = outcomes.slice(desired.length).some(({ action }) => action === "refused");
    reportApplied(this.#host.logger, this.#folder, outcomes, removals, removed);
    return failed || removed.includes("failed");
  }

  /** In one commit; when even that is refused as a whole, one by one, so that none holds up the others. */
  async #apply(changes: readonly ApplyApplication[]): Promise<readonly ApplyOutcome[]> {
    if (changes.length === 0) return [];
    const { applications } = this.#host;
    try {
      return await applications.apply(changes, { continueOnError: true });
    } catch (thrown) {
      if (changes.length === 1) return [refusedOutcome(changes[0]?.name ?? "", thrown)];
      const each = await Promise.all(changes.map((change) => this.#apply([change])));
      return each.flat();
    }
  }

  async #remove({ record, path }: Departure): Promise<"removed" | "disabled" | "failed"> {
    const { name, revision } = record;
    const input = { name, owner: path, author: path, expectedRevision: revision, whenUnused: true };
    try {
      return await this.#host.applications.remove(input);
    } catch (thrown) {
      this.#host.logger.warn({ application: name }, `${name} is not removed: ${textOf(thrown)}`);
      return "failed";
    }
  }

  async #release({ record, path }: Departure): Promise<ApplyApplication | undefined> {
    const { name, revision } = record;
    const source = { origin: "file", author: path, owner: path } as const;
    const raw = { metadata: { name }, spec: manifestWithout(record, path) };
    const checked = await this.#host.admission.admit(raw, source);
    const release = { ...source, release: true, expectedRevision: revision };
    if (checked.ok) {
      const { manifest, spec } = checked;
      return { name, manifest, spec, ...release };
    }
    const faults = checked.faults.map((fault) => faultText(fault)).join("; ");
    const text = `${path} is gone, and ${name} stays as it is, since what is left without it is not valid: ${faults}`;
    this.#host.logger.warn({ application: name }, text);
    const { manifest, spec } = record;
    return { name, manifest, spec, ...release };
  }

  #note(wanted: DesiredApplication, outcome: ApplyOutcome | undefined): void {
    const { name } = wanted.manifest;
    if (outcome === undefined) return;
    const { takesOver: _done, ...acted } = wanted;
    this.#acted.set(name, acted);
    if (outcome.action !== "refused") this.#refused.delete(name);
    else this.#refused.set(name, { name, path: wanted.path, reason: outcome.error.message });
  }

  /** What no file speaks of any more is looked at anew when one does again. */
  #forget(desired: ReadonlyMap<string, DesiredApplication>): void {
    for (const name of this.#acted.keys()) {
      if (desired.has(name)) continue;
      this.#acted.delete(name);
      this.#refused.delete(name);
    }
  }
}

function applicationOf({ path, manifest, takesOver }: DesiredApplication): ApplyApplication {
  const { name, manifest: written, spec } = manifest;
  const source = { origin: "file", author: path, owner: path } as const;
  return {
    name,
    manifest: written,
    spec,
    ...source,
    ...(takesOver !== undefined && { takesOver }),
  };
}

function refusedOutcome(name: string, thrown: unknown): ApplyOutcome {
  return { name, action: "refused", error: FlameError.from(thrown) };
}
