import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { replaceTextDurably } from "../files/durable.ts";
import { codeOf, textOf } from "../kit/thrown.ts";
import type { ApplicationManifestSpec } from "../model/application-spec.ts";
import { FlameError } from "../model/errors.ts";

/** What the controller remembers of one application. */
export interface Remembered {
  /** The file that spoke for it; absent for shipped defaults. */
  readonly path?: string;
  /** Unix milliseconds, as the cluster told: the controller itself made it. Another one of that name is not ours. */
  readonly created?: number;
  /** Of the manifest that was last written or found in order. */
  readonly digest: string;
  /** The cluster took that manifest but for fields that it does not keep. */
  readonly incomplete?: true;
}

interface StateFile {
  readonly version: 1;
  readonly endpoint: string;
  readonly applications: Readonly<Record<string, Remembered>>;
}

/**
 * What the controller did in a cluster, in a file of its own if there is one: nothing is stored in the cluster. Without
 * a file it is forgotten at the end, so that nothing is ever removed.
 */
export class Memory {
  readonly #file: string | undefined;
  readonly #endpoint: string;
  readonly #applications: Map<string, Remembered>;
  #written: string;

  /** @throws FlameError invalid_config for a file that is none of ours, or of another cluster */
  constructor(file: string | undefined, endpoint: string) {
    this.#file = file;
    this.#endpoint = endpoint;
    const stored = file === undefined ? undefined : readState(file, endpoint);
    this.#applications = new Map(Object.entries(stored?.applications ?? {}));
    this.#written = stored === undefined ? "" : this.#text();
  }

  /** True: what is made now can be taken away later. */
  get lasts(): boolean {
    return this.#file !== undefined;
  }

  get(name: string): Remembered | undefined {
    return this.#applications.get(name);
  }

  /** All of it, by name. */
  entries(): readonly (readonly [string, Remembered])[] {
    return [...this.#applications];
  }

  set(name: string, remembered: Remembered): void {
    this.#applications.set(name, remembered);
  }

  forget(name: string): void {
    this.#applications.delete(name);
  }

  /** Writes what changed; on disk when this returns. @throws FlameError invalid_config when the file cannot be written */
  save(): void {
    const text = this.#text();
    if (this.#file === undefined || text === this.#written) return;
    try {
      replaceTextDurably(this.#file, text);
    } catch (cause) {
      const reason = `the state file ${this.#file} cannot be written: ${textOf(cause)}`;
      throw new FlameError("invalid_config", reason, { cause });
    }
    this.#written = text;
  }

  #text(): string {
    const applications = Object.fromEntries([...this.#applications].sort(byName));
    const state: StateFile = { version: 1, endpoint: this.#endpoint, applications };
    return `${JSON.stringify(state, undefined, 2)}\n`;
  }
}

/** What tells one manifest from another; the order of keys is that of the schema already. */
export function digestOf(manifest: ApplicationManifestSpec): string {
  return createHash("sha256").update(JSON.stringify(manifest)).digest("hex");
}

function byName([a]: readonly [string, Remembered], [b]: readonly [string, Remembered]): number {
  return a < b ? -1 : 1;
}

function readState(file: string, endpoint: string): StateFile | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    const reason = `the state file ${file} cannot be read: ${textOf(cause)}`;
    throw new FlameError("invalid_config", reason, { cause });
  }
  const state = parsed(text);
  if (state === undefined) {
    const reason = `the state file ${file} is none of flame-registry's: expected {"version":1,"endpoint":...,"applications":...}; name another file, or remove it, which makes the controller forget what it created`;
    throw new FlameError("invalid_config", reason);
  }
  if (state.endpoint === endpoint) return state;
  const reason = `the state file ${file} is that of ${state.endpoint}, got the endpoint ${endpoint}: name a file for each cluster`;
  throw new FlameError("invalid_config", reason);
}

function parsed(text: string): StateFile | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { version, endpoint, applications } = value as Partial<Record<keyof StateFile, unknown>>;
  if (version !== 1 || typeof endpoint !== "string") return undefined;
  if (typeof applications !== "object" || applications === null) return undefined;
  return Object.values(applications).every(isRemembered) ? (value as StateFile) : undefined;
}

function isRemembered(value: unknown): value is Remembered {
  if (typeof value !== "object" || value === null) return false;
  const { path, created, digest } = value as Partial<Record<keyof Remembered, unknown>>;
  const pathFits = path === undefined || typeof path === "string";
  const createdFits = created === undefined || typeof created === "number";
  return pathFits && createdFits && typeof digest === "string";
}
