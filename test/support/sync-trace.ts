import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const source = resolve(import.meta.dirname, "../fixtures/sync-recorder.c");

/** Why no recorder can be made here; undefined when one can. */
export function noRecorder(): string | undefined {
  if (process.platform !== "linux")
    return "the recorder is loaded with LD_PRELOAD, which is of Linux";
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "the recorder needs a C compiler named cc";
  }
}

/** Builds the recorder. @returns what a session manager needs in its environment to note its writes and syncs in `file` */
export function recorderEnvironment(folder: string, file: string): NodeJS.ProcessEnv {
  const library = join(folder, "sync-recorder.so");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"]);
  return { LD_PRELOAD: library, SYNC_RECORD: file };
}

interface Note {
  /** As test/fixtures/sync-recorder.c says. */
  readonly kind: string;
  /** The file or socket; of a sync the thread. */
  readonly of: string;
  readonly bytes: Buffer;
}

/** One gRPC message that left on a socket. */
export interface SentMessage {
  /** The note of its first byte. */
  readonly at: number;
  /** Counts the sockets that were accepted. */
  readonly connection: number;
  /** HTTP/2 stream: one call. */
  readonly call: number;
  readonly bytes: Buffer;
}

/** What a session manager wrote and synced, in order. */
export class SyncTrace {
  readonly #notes: readonly Note[];

  constructor(file: string) {
    // The last line may not be whole yet.
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    this.#notes = lines.map((line) => {
      const [kind = "", of = "", hex = ""] = line.split(" ");
      return { kind, of, bytes: Buffer.from(hex, "hex") };
    });
  }

  /** Whether bytes were written to the write-ahead log, and a sync began after that and ended before the note `at`. */
  syncedBefore(bytes: string | Buffer, at: number): boolean {
    const notes = this.#notes.slice(0, at);
    const written = notes.findIndex((note) => note.kind === "W" && note.bytes.includes(bytes));
    if (written === -1) return false;
    return notes.some(
      ({ kind, of }, began) =>
        kind === "B" &&
        began > written &&
        notes.slice(began).some((later) => later.kind === "E" && later.of === of),
    );
  }

  /** Every gRPC message that left, in the order of their first bytes. */
  sent(): SentMessage[] {
    const connections = new Map<string, Connection>();
    const messages: SentMessage[] = [];
    let accepted = 0;
    for (const [at, { kind, of, bytes }] of this.#notes.entries()) {
      if (kind === "C") connections.set(of, new Connection(accepted++, messages));
      if (kind === "S") connections.get(of)?.take(at, bytes);
    }
    return messages.sort((one, other) => one.at - other.at);
  }
}

const frameHeaderBytes = 9;
const messageHeaderBytes = 5;
const dataFrame = 0;

/** Bytes that came in pieces, of which each piece has a note. */
class Pieces {
  #bytes = Buffer.alloc(0);
  #starts: { readonly at: number; readonly first: number }[] = [];

  add(at: number, bytes: Buffer): void {
    this.#starts.push({ at, first: this.#bytes.length });
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  get length(): number {
    return this.#bytes.length;
  }

  peek(length: number): Buffer {
    return this.#bytes.subarray(0, length);
  }

  /** Takes bytes from the beginning. @returns them, and the note of the first one */
  take(length: number): { readonly at: number; readonly bytes: Buffer } {
    const at = this.#starts[0]?.at ?? 0;
    const bytes = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    const moved = this.#starts.map((start) => ({ at: start.at, first: start.first - length }));
    // Of those that begin at or before the new first byte only the last one counts.
    const first = moved.findLastIndex((start) => start.first <= 0);
    this.#starts = this.#bytes.length === 0 ? [] : moved.slice(Math.max(first, 0));
    return { at, bytes };
  }
}

/** The server's side of one HTTP/2 connection: RFC 9113, section 4.1; messages as gRPC over HTTP/2 frames them. */
class Connection {
  readonly #number: number;
  readonly #messages: SentMessage[];
  readonly #frames = new Pieces();
  readonly #calls = new Map<number, Pieces>();

  constructor(number: number, messages: SentMessage[]) {
    this.#number = number;
    this.#messages = messages;
  }

  take(at: number, bytes: Buffer): void {
    this.#frames.add(at, bytes);
    while (this.#frames.length >= frameHeaderBytes) {
      const header = this.#frames.peek(frameHeaderBytes);
      const length = header.readUIntBE(0, 3);
      if (this.#frames.length < frameHeaderBytes + length) return;
      const frame = this.#frames.take(frameHeaderBytes + length);
      if (header[3] !== dataFrame) continue;
      this.#takeData(frame.at, header.readUInt32BE(5), frame.bytes.subarray(frameHeaderBytes));
    }
  }

  #takeData(at: number, call: number, bytes: Buffer): void {
    const pieces = this.#calls.get(call) ?? new Pieces();
    this.#calls.set(call, pieces);
    pieces.add(at, bytes);
    while (pieces.length >= messageHeaderBytes) {
      const length = messageHeaderBytes + pieces.peek(messageHeaderBytes).readUInt32BE(1);
      if (pieces.length < length) return;
      const message = pieces.take(length);
      this.#messages.push({
        at: message.at,
        connection: this.#number,
        call,
        bytes: message.bytes.subarray(messageHeaderBytes),
      });
    }
  }
}
