/** A file or plugin whose last word on an application could not be followed: the application stays as it was last good. */
export interface SourceFault {
  /** The file, or the plugin's name. */
  readonly source: string;
  /** What is wrong, with line and column where it is text, and what to do. */
  readonly reason: string;
  /** Unix milliseconds when it was found. */
  readonly time: number;
}

/** What is wrong with the sources of applications at the moment. Not kept over a restart: sources are read again. */
export class SourceFaults {
  /** By application, then by source; the empty name is for sources that name none. */
  readonly #faults = new Map<string, Map<string, SourceFault>>();
  readonly #listeners = new Set<(name: string) => void>();

  /** Takes the place of what the source said before; the same words again keep their time and tell nobody. */
  report(name: string, fault: SourceFault): void {
    const faults = this.#faults.get(name) ?? new Map<string, SourceFault>();
    if (faults.get(fault.source)?.reason === fault.reason) return;
    this.#faults.set(name, faults.set(fault.source, fault));
    this.#tell(name);
  }

  /** The source is in order again, or gone. */
  clear(name: string, source: string): void {
    const faults = this.#faults.get(name);
    if (faults?.delete(source) !== true) return;
    if (faults.size === 0) this.#faults.delete(name);
    this.#tell(name);
  }

  of(name: string): readonly SourceFault[] {
    return [...(this.#faults.get(name)?.values() ?? [])];
  }

  /** Names with faults, sorted. */
  names(): readonly string[] {
    return [...this.#faults.keys()].sort();
  }

  /** Calls the listener with the name of each application whose faults change. Returns how to stop. */
  onChange(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #tell(name: string): void {
    for (const listener of this.#listeners) listener(name);
  }
}
