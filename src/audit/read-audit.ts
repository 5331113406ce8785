import { closeSync, fstatSync, openSync, read } from "node:fs";
import { promisify } from "node:util";
import { codeOf } from "../kit/thrown.ts";
import { earlierFile } from "./rotating-file.ts";

/** Which lines are wanted; what is absent is not asked. */
export interface AuditFilter {
  /** Unix milliseconds: lines that were written then or later. */
  readonly since?: number | undefined;
  /** The name of the caller. */
  readonly who?: string | undefined;
  /** A part of the method's name, such as `Session` or `Registry/Apply`; capitals do not count. */
  readonly method?: string | undefined;
  /** The name or id of something that the call acts on. */
  readonly what?: string | undefined;
}

/**
 * Tells whether a line is wanted. Half a line, which a killed process left, is not. What is asked for is prepared once,
 * since a client may ask for megabytes and there are hundreds of thousands of lines.
 */
export function matcherOf(filter: AuditFilter): (text: string) => boolean {
  const { since, who, what } = filter;
  const method = filter.method?.toLowerCase();
  return (text) => {
    const line = parsed(text);
    if (line === undefined) return false;
    if (since !== undefined && Date.parse(String(line["time"])) < since) return false;
    if (who !== undefined && line["who"] !== who) return false;
    const called = line["method"];
    const isOf = typeof called === "string" ? called.toLowerCase() : "";
    if (method !== undefined && !isOf.includes(method)) return false;
    if (what === undefined) return true;
    return Object.values(line["on"] ?? {})
      .flat()
      .includes(what);
  };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** A file as far as it goes now, whatever is appended or renamed later. */
export interface OpenedFile {
  readonly descriptor: number;
  readonly bytes: number;
  readonly changedMs: number;
}

/**
 * All files of an audit log, the earliest first: the caller closes them. Nobody may write meanwhile, which is why it does
 * not wait.
 */
export function openAuditFiles(file: string, filesMax: number): OpenedFile[] {
  const opened: OpenedFile[] = [];
  for (let number = filesMax - 1; number >= 0; number--) {
    try {
      const descriptor = openSync(number === 0 ? file : earlierFile(file, number), "r");
      const { size, mtimeMs } = fstatSync(descriptor);
      opened.push({ descriptor, bytes: size, changedMs: mtimeMs });
    } catch (thrown) {
      if (codeOf(thrown) === "ENOENT") continue;
      closeAuditFiles(opened);
      throw thrown;
    }
  }
  return opened;
}

export function closeAuditFiles(files: readonly OpenedFile[]): void {
  for (const { descriptor } of files) closeSync(descriptor);
}

/** Read at once. */
const pieceBytes = 64 * 1024;
const readPiece = promisify(read);

/** The lines of a file, some at a time: the event loop comes round between two pieces. */
export async function* linesOf({ descriptor, bytes }: OpenedFile): AsyncGenerator<string[]> {
  const piece = Buffer.alloc(pieceBytes);
  let begun: Buffer[] = [];
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await readPiece(
      descriptor,
      piece,
      0,
      Math.min(pieceBytes, bytes - at),
      at,
    );
    if (bytesRead === 0) return;
    at += bytesRead;
    const end = piece.lastIndexOf(10, bytesRead - 1);
    if (end < 0) {
      begun.push(Buffer.from(piece.subarray(0, bytesRead)));
      continue;
    }
    yield Buffer.concat([...begun, piece.subarray(0, end)])
      .toString()
      .split("\n");
    begun = [Buffer.from(piece.subarray(end + 1, bytesRead))];
  }
}
