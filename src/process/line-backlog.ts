/** Whose lines they are. */
export interface LineSource {
  readonly sessionId: string;
  readonly executorId: string;
  /** "out" or "err". */
  readonly stream: string;
  readonly taskId: string | undefined;
  /** Empty where it is clear. */
  readonly node: string;
}

/** Lines that one service printed one after the other. */
export interface ToldLines extends LineSource {
  readonly data: Buffer;
  /** So many lines are missing in front of `data`. */
  readonly leftOut: number;
}

/** Bytes that several backlogs have together. */
export class SharedBytes {
  readonly #max: number;
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  take(bytes: number): boolean {
    if (this.#taken + bytes > this.#max) return false;
    this.#taken += bytes;
    return true;
  }

  takeAnyway(bytes: number): void {
    this.#taken += bytes;
  }

  giveBack(bytes: number): void {
    this.#taken -= bytes;
  }
}

/** Lines of one source that leave together. */
interface Entry {
  readonly source: LineSource;
  readonly leftOut: number;
  readonly chunks: Buffer[];
  /** Of the chunks. */
  length: number;
  /** What was taken of the shared bytes. */
  cost: number;
}

/** Lines of one source that were left out. */
interface Gap {
  readonly source: LineSource;
  lines: number;
}

/** What an entry takes beside its lines, and each piece of it, about, in bytes. */
const entryBytes = 256;
const chunkBytes = 128;
/** More than so much is not joined, in bytes. */
const joinedBytes = 64 * 1024;
/** Of more sources than this it is told only for the executor, not for the task, what was left out. */
const gapsMax = 256;
const newline = 0x0a;

/**
 * Printed lines that wait to leave. There is room for so many bytes: further lines are left out, which is told with how
 * many they were, until half of the room is free again.
 */
export class LineBacklog {
  readonly #bytesMax: number;
  readonly #shared: SharedBytes;
  #entries: Entry[] = [];
  #bytes = 0;
  #gaps = new Map<string, Gap>();

  constructor(bytesMax: number, shared: SharedBytes) {
    this.#bytesMax = bytesMax;
    this.#shared = shared;
  }

  get empty(): boolean {
    return this.#entries.length === 0 && this.#gaps.size === 0;
  }

  /** @param leftOut lines that are missing in front of them already */
  add(source: LineSource, data: Buffer, leftOut = 0): void {
    const cost = data.length + entryBytes;
    const hasRoom = this.#gaps.size === 0 || this.#bytes * 2 <= this.#bytesMax;
    if (hasRoom && this.#bytes + cost <= this.#bytesMax && this.#shared.take(cost)) {
      this.#bytes += cost;
      this.#tellGaps();
      this.#put(source, data, leftOut);
    } else this.#leaveOut(source, leftOut + countLines(data));
  }

  /** The first lines, of about so many bytes; at least those of one source. */
  take(bytes: number): ToldLines[] {
    if (this.#entries.length === 0) this.#tellGaps();
    const told: ToldLines[] = [];
    let taken = 0;
    let length = 0;
    for (const entry of this.#entries) {
      if (taken > 0 && length + entry.length > bytes) break;
      taken++;
      length += entry.length;
      const { source, leftOut, chunks } = entry;
      told.push({ ...source, leftOut, data: joined(chunks) });
      this.#giveBack(entry.cost);
    }
    this.#entries = this.#entries.slice(taken);
    return told;
  }

  clear(): void {
    this.#shared.giveBack(this.#bytes);
    this.#entries = [];
    this.#gaps.clear();
    this.#bytes = 0;
  }

  /** Their room is taken. */
  #put(source: LineSource, data: Buffer, leftOut: number): void {
    const last = this.#entries.at(-1);
    const length = (last?.length ?? 0) + data.length;
    if (
      last !== undefined &&
      leftOut === 0 &&
      length <= joinedBytes &&
      isSame(last.source, source)
    ) {
      last.chunks.push(data);
      last.length = length;
      last.cost += data.length + chunkBytes;
      this.#giveBack(entryBytes - chunkBytes);
      return;
    }
    const cost = data.length + entryBytes;
    this.#entries.push({ source, leftOut, chunks: [data], length: data.length, cost });
  }

  #giveBack(bytes: number): void {
    this.#bytes -= bytes;
    this.#shared.giveBack(bytes);
  }

  #leaveOut(source: LineSource, lines: number): void {
    const { sessionId, executorId, stream, taskId = "" } = source;
    const many = this.#gaps.size >= gapsMax;
    const key = [sessionId, executorId, stream, many ? "" : taskId].join("/");
    const gap = this.#gaps.get(key);
    if (gap !== undefined) gap.lines += lines;
    else this.#gaps.set(key, { source: many ? { ...source, taskId: undefined } : source, lines });
  }

  /** They take their room whether there is some or not: there are few of them. */
  #tellGaps(): void {
    for (const { source, lines } of this.#gaps.values()) {
      this.#entries.push({ source, leftOut: lines, chunks: [], length: 0, cost: entryBytes });
      this.#bytes += entryBytes;
      this.#shared.takeAnyway(entryBytes);
    }
    this.#gaps.clear();
  }
}

const joined = (chunks: readonly Buffer[]): Buffer =>
  chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks);

function isSame(a: LineSource, b: LineSource): boolean {
  return (
    a.taskId === b.taskId &&
    a.stream === b.stream &&
    a.executorId === b.executorId &&
    a.sessionId === b.sessionId &&
    a.node === b.node
  );
}

/** A line without an end counts as well. */
function countLines(data: Buffer): number {
  let lines = data.length > 0 && data.at(-1) !== newline ? 1 : 0;
  for (let at = data.indexOf(newline); at >= 0; at = data.indexOf(newline, at + 1)) lines++;
  return lines;
}
