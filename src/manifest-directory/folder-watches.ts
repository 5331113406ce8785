import { type FSWatcher, statSync, watch } from "node:fs";
import { textOf } from "../kit/thrown.ts";

/** Asks the operating system to tell of changes; as `node:fs`' watch does. */
export type WatchFolder = (
  folder: string,
  listener: (file: string | null) => void,
  onError: (reason: string) => void,
) => { close(): void };

/** A folder to watch; with `only`, changes of that one entry count alone. */
export interface WatchedFolder {
  readonly folder: string;
  readonly only?: string;
}

interface Watch {
  /** Which folder it was when the watch began: another one may have taken its name since. */
  readonly identity: string;
  readonly handle: { close(): void };
}

/** Watches on folders that come and go. What cannot be watched is told once, and tried again each time. */
export class FolderWatches {
  readonly #onChange: () => void;
  readonly #onTrouble: (reason: string) => void;
  readonly #watchFolder: WatchFolder;
  readonly #watches = new Map<string, Watch>();
  #trouble = false;

  constructor(deps: {
    readonly onChange: () => void;
    /** There are no watches left, for example; told when that begins. */
    readonly onTrouble: (reason: string) => void;
    readonly watchFolder?: WatchFolder;
  }) {
    this.#onChange = deps.onChange;
    this.#onTrouble = deps.onTrouble;
    this.#watchFolder = deps.watchFolder ?? watchWithNode;
  }

  /** Watches exactly these from now on. Tells whether something new is watched: what happened before was not seen. */
  set(folders: readonly WatchedFolder[]): boolean {
    const wanted = new Map(folders.map((one) => [keyOf(one), one]));
    for (const key of this.#watches.keys()) if (!wanted.has(key)) this.#drop(key);
    let added = false;
    let trouble = false;
    for (const [key, one] of wanted) {
      const identity = identityOf(one.folder);
      if (identity === this.#watches.get(key)?.identity) continue;
      this.#drop(key);
      if (identity === undefined) continue;
      if (this.#start(key, identity, one)) added = true;
      else trouble = true;
    }
    this.#trouble = trouble;
    return added;
  }

  /** False: changes may go by without being told. */
  get complete(): boolean {
    return !this.#trouble;
  }

  close(): void {
    for (const key of [...this.#watches.keys()]) this.#drop(key);
  }

  #start(key: string, identity: string, { folder, only }: WatchedFolder): boolean {
    const failed = (reason: string): void => {
      this.#drop(key);
      if (!this.#trouble) this.#onTrouble(`${folder}: ${reason}`);
      this.#trouble = true;
    };
    try {
      const handle = this.#watchFolder(
        folder,
        (file) => {
          if (only === undefined || file === null || file === only) this.#onChange();
        },
        failed,
      );
      this.#watches.set(key, { identity, handle });
      return true;
    } catch (thrown) {
      failed(textOf(thrown));
      return false;
    }
  }

  #drop(key: string): void {
    this.#watches.get(key)?.handle.close();
    this.#watches.delete(key);
  }
}

function keyOf({ folder, only }: WatchedFolder): string {
  return JSON.stringify([folder, only]);
}

function identityOf(folder: string): string | undefined {
  try {
    const { dev, ino, birthtimeNs } = statSync(folder, { bigint: true });
    return `${dev}:${ino}:${birthtimeNs}`;
  } catch {
    return undefined;
  }
}

function watchWithNode(
  folder: string,
  listener: (file: string | null) => void,
  onError: (reason: string) => void,
): FSWatcher {
  const watcher = watch(folder, { persistent: false }, (_kind, file) => {
    listener(file);
  });
  watcher.on("error", (error) => {
    onError(textOf(error));
  });
  return watcher;
}
