import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Clock, Timer } from "../kit/clock.ts";
import { textOf } from "../kit/thrown.ts";
import { type DirectoryLook, type DirectoryReader, QUIET_MS } from "./directory-reader.ts";
import { FolderWatches, type WatchedFolder, type WatchFolder } from "./folder-watches.ts";

export interface DirectoryFollowerDeps {
  /** Absolute; need not exist. */
  readonly folder: string;
  readonly reader: DirectoryReader;
  readonly clock: Clock;
  /**
   * Acts on what the directory holds; never two at a time. Returns after how many milliseconds it wants to be called
   * again although nothing changed; undefined: it does not.
   */
  readonly act: (look: DirectoryLook) => Promise<number | undefined>;
  /** The folder cannot be watched and is only looked at every second. */
  readonly onUnwatched: (reason: string) => void;
  /** `act` failed; it is called again with the next look. */
  readonly onFailure: (reason: string) => void;
  /** How often the folder is looked at although nothing was told, in milliseconds. @default 5000 */
  readonly rescanMs?: number;
  readonly watchFolder?: WatchFolder;
}

const RESCAN_MS = 5000;
/** Instead of {@link RESCAN_MS} where watching does not work. */
const RESCAN_UNWATCHED_MS = 1000;
/** Of the time in which nothing changes, looking takes at most one part in so many. */
const REST_FACTOR = 50;
/** A burst of changes is looked at when it pauses for this time, so that its last file can be read ... */
const PAUSE_MS = QUIET_MS + 5;
/** ... and after this time at the latest. */
const BURST_MAX_MS = 100;
/** Folders beside the directory that are watched because links lead there. */
const LINKED_FOLDERS_MAX = 64;

/**
 * Acts whenever something changes in a directory of manifests. The operating system's word only says when to look: each
 * look takes in the whole directory, so that no lost, early or repeated word can make a difference for longer than the
 * time between two looks.
 */
export class DirectoryFollower {
  readonly #deps: DirectoryFollowerDeps;
  readonly #watches: FolderWatches;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #burstSince: number | undefined;
  #busy: Promise<void> | undefined;
  /** Something changed while the last look was under way. */
  #again = false;
  #closed = false;

  constructor(deps: DirectoryFollowerDeps) {
    this.#deps = deps;
    this.#watches = new FolderWatches({
      onChange: () => {
        this.poke();
      },
      onTrouble: deps.onUnwatched,
      ...(deps.watchFolder !== undefined && { watchFolder: deps.watchFolder }),
    });
  }

  /** Acts on what is there now, then on each change until it is closed. @throws what the first `act` throws */
  async start(): Promise<void> {
    const first = this.#first();
    this.#busy = first.then(
      () => undefined,
      () => undefined,
    );
    const wish = await first.finally(() => {
      this.#busy = undefined;
    });
    // What happened between the look and a watch that only now began was not told.
    this.#lookIn(Math.min(wish ?? Number.POSITIVE_INFINITY, PAUSE_MS));
  }

  async #first(): Promise<number | undefined> {
    const { reader, act } = this.#deps;
    this.#watch([]);
    const look = await reader.lookSettled();
    const wish = await act(look);
    this.#watch(look.linkedFolders);
    return wish;
  }

  /** Looks soon: something may have changed. */
  poke(): void {
    if (this.#busy !== undefined) {
      this.#again = true;
      return;
    }
    const now = this.#deps.clock.steady();
    this.#burstSince ??= now;
    const left = this.#burstSince + BURST_MAX_MS - now;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    this.#lookIn(Math.max(0, Math.min(PAUSE_MS, left)));
  }

  /** Ends the watches; resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.timer.cancel();
    this.#watches.close();
    await this.#busy;
  }

  #lookIn(delayMs: number): void {
    if (this.#closed) return;
    const at = this.#deps.clock.steady() + delayMs;
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.timer.cancel();
    const timer = this.#deps.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#busy = this.#look().finally(() => {
        this.#busy = undefined;
        if (this.#again) this.poke();
      });
    });
    this.#timer = { at, timer };
  }

  async #look(): Promise<void> {
    const { reader, act, onFailure, clock, rescanMs = RESCAN_MS } = this.#deps;
    const began = clock.steady();
    this.#burstSince = undefined;
    this.#again = false;
    const usual = this.#watches.complete ? rescanMs : Math.min(rescanMs, RESCAN_UNWATCHED_MS);
    let wish: number | undefined;
    try {
      const look = await reader.look();
      if (this.#closed) return;
      wish = await act(look);
      if (look.unsettled) wish = Math.min(wish ?? QUIET_MS, QUIET_MS);
      if (this.#watch(look.linkedFolders)) wish = 0;
    } catch (thrown) {
      onFailure(textOf(thrown));
    }
    const rest = Math.max(usual, (clock.steady() - began) * REST_FACTOR);
    this.#lookIn(Math.min(wish ?? rest, rest));
  }

  /** The folder, its place in the folder above (it may come, go, or be replaced), and where its links lead. */
  #watch(linked: readonly string[]): boolean {
    if (this.#closed) return false;
    const { folder } = this.#deps;
    const folders: WatchedFolder[] = linked
      .slice(0, LINKED_FOLDERS_MAX)
      .map((one) => ({ folder: one }));
    let [above, only] = [dirname(folder), basename(folder)];
    while (!existsSync(above) && above !== dirname(above)) {
      [above, only] = [dirname(above), basename(above)];
    }
    folders.push({ folder: above, only });
    if (existsSync(folder)) folders.push({ folder });
    return this.#watches.set(folders);
  }
}
