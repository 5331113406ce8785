import { join } from "node:path";
import type { FlameClient } from "../client/index.ts";
import type { Clock } from "../kit/clock.ts";
import { textOf } from "../kit/thrown.ts";
import { PUBLISHED_FOLDER } from "../manifest/published-folder.ts";
import { Debounce } from "../manifest-directory/debounce.ts";
import { DirectoryFollower } from "../manifest-directory/directory-follower.ts";
import { type DirectoryLook, DirectoryReader } from "../manifest-directory/directory-reader.ts";
import type { ManifestFile, ReadText } from "../manifest-directory/manifest-file.ts";
import { FlameError } from "../model/errors.ts";
import type { Memory } from "./memory.ts";
import { type PublishedCalls, Reconciler } from "./reconciler.ts";
import type { RoundReport } from "./report.ts";
import { type DefaultsMode, type Wishes, wishesOf } from "./wanted.ts";

export interface ControllerDeps {
  readonly cluster: PublishedCalls & Pick<FlameClient, "isOfThisMake">;
  readonly memory: Memory;
  readonly clock: Clock;
  /** Absolute; absent: only the shipped defaults. */
  readonly directory: string | undefined;
  /** Absolute folder of the shipped applications. */
  readonly defaultsFolder: string;
  readonly defaults: DefaultsMode;
  readonly readText: ReadText;
  readonly dryRun: boolean;
  /** How often the cluster is looked at although no file changed, in milliseconds. */
  readonly intervalMs: number;
  /** A line about what was done. */
  readonly tell: (line: string) => void;
  /** A line about what is wrong. */
  readonly warn: (line: string) => void;
}

/** A removal counts when it has been so for this time, in milliseconds: saves are not always one step. */
const SETTLE_MS = 300;
/** First and longest pause while the cluster is away, in milliseconds; each is twice the one before. */
const AWAY_FIRST_MS = 1000;
const AWAY_MAX_MS = 60_000;
/** How long a stop waits for a round that is under way, in milliseconds. */
const STOP_WAIT_MS = 2000;

/** Keeps a cluster as a directory and the shipped defaults say, over its published calls alone. */
export class Controller {
  readonly #deps: ControllerDeps;
  readonly #reconciler: Reconciler;
  readonly #debounce = new Debounce(SETTLE_MS);
  #look: DirectoryLook | undefined;
  #defaults: readonly ManifestFile[] | undefined;
  /** Problems that were told: each is told once, until it is over. */
  #told: ReadonlySet<string> = new Set();
  #wake: () => void = () => undefined;
  #woken = false;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#reconciler = new Reconciler(deps);
  }

  /**
   * One round.
   * @returns whether everything is in order now; of a dry run, whether it is without a change
   * @throws FlameError when the cluster is away
   */
  async once(): Promise<boolean> {
    const { tell, directory, dryRun } = this.#deps;
    if (directory !== undefined) this.#look = await this.#reader(directory).lookSettled();
    const report = await this.#round(await this.#wishes());
    const { inOrder, changes, problems } = report;
    const changed = dryRun ? "would change" : "changed";
    tell(`${inOrder} in order, ${changes.length} ${changed}, ${problems.length} not in order`);
    return problems.length === 0 && (changes.length === 0 || !dryRun);
  }

  /** Round after round, until `stop` resolves. A cluster that is away is asked again, ever more seldom. */
  async run(stop: Promise<void>): Promise<void> {
    const follower = await this.#follow();
    const stopping = { now: false };
    void stop.then(() => {
      stopping.now = true;
      this.#poke();
    });
    // What is under way when it is told to stop may come to its end, if that takes no longer than a moment.
    const given = stop.then(async () => {
      await new Promise<void>((resolve) => {
        this.#deps.clock.after(STOP_WAIT_MS, resolve);
      });
      return { delayMs: 0, away: 0 };
    });
    let awayMs = 0;
    try {
      while (!stopping.now) {
        this.#woken = false;
        const { delayMs, away } = await Promise.race([this.#attempt(awayMs), given]);
        awayMs = away;
        await this.#sleep(delayMs);
      }
    } finally {
      await follower?.close();
    }
  }

  async #attempt(awayMs: number): Promise<{ delayMs: number; away: number }> {
    const { intervalMs, warn } = this.#deps;
    try {
      const wishes = await this.#wishes();
      const { settled, nextMs } = this.#settled(wishes);
      await this.#round(settled);
      return { delayMs: Math.min(intervalMs, nextMs ?? intervalMs), away: 0 };
    } catch (thrown) {
      const next = Math.min(Math.max(awayMs * 2, AWAY_FIRST_MS), AWAY_MAX_MS);
      const reason = textOf(thrown);
      if (!this.#told.has(reason)) warn(`${reason}; tried again until it works`);
      this.#told = new Set([reason]);
      return { delayMs: next, away: next };
    }
  }

  async #round(wishes: Wishes): Promise<RoundReport> {
    const { tell, warn } = this.#deps;
    const report = await this.#reconciler.round(wishes);
    for (const line of report.changes) tell(line);
    for (const line of report.problems) if (!this.#told.has(line)) warn(line);
    const over = [...this.#told].filter((line) => !report.problems.includes(line));
    if (over.length > 0 && report.problems.length === 0) tell("everything is in order again");
    this.#told = new Set(report.problems);
    return report;
  }

  /** Without what may be over in a moment: an application that no file speaks of counts as kept for a while. */
  #settled(wishes: Wishes): { settled: Wishes; nextMs?: number } {
    const { memory, clock } = this.#deps;
    const leaving = memory
      .entries()
      .flatMap(([name]) => (wishes.applications.has(name) ? [] : name));
    const { due, nextMs } = this.#debounce.round(leaving, clock.steady());
    const held = new Set([...wishes.held, ...leaving.filter((name) => !due.has(name))]);
    return { settled: { ...wishes, held }, ...(nextMs !== undefined && { nextMs }) };
  }

  async #wishes(): Promise<Wishes> {
    const { defaults: mode, memory } = this.#deps;
    const keepers = new Map(
      memory.entries().flatMap(([name, { path }]) => (path === undefined ? [] : [[name, path]])),
    );
    this.#defaults ??= await this.#readDefaults();
    const wishes = wishesOf(this.#look, { mode, files: this.#defaults }, keepers);
    // What is forgotten at the end cannot be taken away for sure, so it never is.
    return { ...wishes, complete: wishes.complete && memory.lasts };
  }

  /** The shipped ones; for a cluster of another make then those that take their place there. */
  async #readDefaults(): Promise<readonly ManifestFile[]> {
    const { defaultsFolder, defaults: mode, cluster } = this.#deps;
    if (mode === "none") return [];
    const shipped = await this.#readShipped(defaultsFolder);
    if (await cluster.isOfThisMake()) return shipped;
    return [...shipped, ...(await this.#readShipped(join(defaultsFolder, PUBLISHED_FOLDER)))];
  }

  async #readShipped(folder: string): Promise<readonly ManifestFile[]> {
    const look = await this.#reader(folder).lookSettled();
    if (look.folder === "present") return [...look.files.values()];
    const text = `the folder of default applications ${folder} cannot be read: ${look.reason ?? look.folder}`;
    throw new FlameError("invalid_config", text);
  }

  /** Reads the directory and then follows it; undefined without one. */
  async #follow(): Promise<DirectoryFollower | undefined> {
    const { directory: folder, clock, warn } = this.#deps;
    if (folder === undefined) return undefined;
    const follower = new DirectoryFollower({
      folder,
      reader: this.#reader(folder),
      clock,
      act: async (look) => {
        const changed = !sameFiles(look, this.#look);
        this.#look = look;
        if (changed) this.#poke();
        return undefined;
      },
      onUnwatched: (reason) => warn(`${folder} cannot be watched: ${reason}`),
      onFailure: (reason) => warn(`${folder} cannot be read: ${reason}`),
    });
    await follower.start();
    return follower;
  }

  #reader(folder: string): DirectoryReader {
    const { readText, clock } = this.#deps;
    return new DirectoryReader({ folder, readText, clock });
  }

  #poke(): void {
    this.#woken = true;
    this.#wake();
  }

  async #sleep(delayMs: number): Promise<void> {
    if (this.#woken) return;
    await new Promise<void>((resolve) => {
      const timer = this.#deps.clock.after(delayMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

function sameFiles(a: DirectoryLook, b: DirectoryLook | undefined): boolean {
  if (b === undefined || a.folder !== b.folder || a.files.size !== b.files.size) return false;
  return [...a.files].every(([path, file]) => b.files.get(path) === file);
}
