import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { buffer as readBuffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import * as tar from "tar";
import { type Entry, type Options, open, type ZipFile } from "yauzl";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { type ArchiveEntry, ArchiveRules, unpackLimits } from "./archive-rules.ts";

const openZip = promisify<string, Options, ZipFile>(open);

/** Longest target of a link, in bytes: that of the operating system. */
const LINK_BYTES_MAX = 4_096;

/** Kinds of tar entries by the names that the library gives them; all others are refused. */
const TAR_KINDS: Readonly<Record<string, ArchiveEntry["kind"]>> = {
  File: "file",
  OldFile: "file",
  ContiguousFile: "file",
  Directory: "directory",
  GNUDumpDir: "directory",
  SymbolicLink: "link",
  Link: "hard link",
};

/** Unix's kinds of files in the upper half of a zip entry's attributes; 0: whoever made it did not say. */
const ZIP_KINDS: Readonly<Record<number, ArchiveEntry["kind"]>> = {
  0: "file",
  0o040000: "directory",
  0o100000: "file",
  0o120000: "link",
};

/**
 * Unpacks an archive into an existing folder, all of it or, if anything in it is refused, nothing; nothing is stripped.
 * @throws FlameError invalid_argument for an archive that is broken or refused, resource_exhausted for one that is too large.
 */
export function unpack(
  archive: string,
  folder: string,
  limits: typeof unpackLimits = unpackLimits,
): Promise<void> {
  return told(`cannot unpack "${archive}"`, async () => {
    const rules = new ArchiveRules((await stat(archive)).size, limits);
    if (archive.toLowerCase().endsWith(".zip")) {
      await checkZip(archive, rules);
      await unpackZip(archive, folder);
    } else {
      await checkTar(archive, rules);
      await unpackTar(archive, folder);
    }
  });
}

/**
 * Checks a wheel by the rules for archives: whoever unpacks it need not be as careful.
 * @throws FlameError as {@link unpack}.
 */
export function checkWheel(wheel: string): Promise<void> {
  return told(`cannot install "${wheel}"`, async () => {
    await checkZip(wheel, new ArchiveRules((await stat(wheel)).size, unpackLimits));
  });
}

async function told(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    const code = thrown instanceof FlameError ? thrown.code : "invalid_argument";
    throw new FlameError(code, `${what}: ${textOf(thrown)}`, { cause: thrown });
  }
}

async function checkTar(archive: string, rules: ArchiveRules): Promise<void> {
  let refused: FlameError | undefined;
  const refuse = (thrown: unknown): void => {
    refused ??=
      thrown instanceof FlameError
        ? thrown
        : new FlameError("invalid_argument", textOf(thrown), { cause: thrown });
  };
  // Strict: what the library would only warn of is a broken archive.
  const parser = new tar.Parser({ strict: true });
  const ended = new Promise<void>((resolve, reject) => {
    parser.on("end", resolve);
    parser.on("error", reject);
  });
  ended.catch(refuse);
  const check = (entry: tar.ReadEntry): void => {
    const kind = TAR_KINDS[entry.type] ?? "other";
    try {
      rules.check({ path: entry.path, kind, target: entry.linkpath, mode: entry.mode ?? 0 });
    } catch (thrown) {
      refuse(thrown);
    }
    entry.resume();
  };
  parser.on("entry", check);
  parser.on("ignoredEntry", check);
  const parse = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      try {
        rules.expand(chunk.length);
        parser.write(chunk);
      } catch (thrown) {
        refuse(thrown);
      }
      if (refused !== undefined) throw refused;
    }
    parser.end();
    await ended;
  };
  try {
    await pipeline(createReadStream(archive), createGunzip(), parse);
  } catch (thrown) {
    // What a pipeline rejects with need not be what its last part threw.
    refuse(thrown);
  }
  if (refused !== undefined) throw refused;
}

async function unpackTar(archive: string, folder: string): Promise<void> {
  // The files belong to who unpacks them, whatever numbers the archive names.
  await tar.extract({ file: archive, cwd: folder, strict: true, preserveOwner: false });
}

/** Calls `visit` for each entry of a zip file in turn; false ends the walk. */
export async function walkZip(
  path: string,
  visit: (entry: Entry, zip: ZipFile) => Promise<boolean>,
): Promise<void> {
  const zip = await openZip(path, { lazyEntries: true, autoClose: false });
  try {
    await new Promise<void>((resolve, reject) => {
      zip.on("error", reject);
      zip.on("end", resolve);
      zip.on("entry", (entry: Entry) => {
        visit(entry, zip).then((goOn) => {
          if (goOn) zip.readEntry();
          else resolve();
        }, reject);
      });
      zip.readEntry();
    });
  } finally {
    zip.close();
  }
}

async function checkZip(archive: string, rules: ArchiveRules): Promise<void> {
  await walkZip(archive, async (entry, zip) => {
    // The library holds each entry to the size that it says.
    rules.expand(entry.uncompressedSize);
    const { kind, mode } = factsOf(entry);
    if (kind === "link" && entry.uncompressedSize > LINK_BYTES_MAX)
      throw new FlameError("invalid_argument", `its link "${entry.fileName}" is too long`);
    const target = kind === "link" ? await targetOf(entry, zip) : undefined;
    rules.check({ path: entry.fileName, kind, target, mode });
    return true;
  });
}

async function unpackZip(archive: string, folder: string): Promise<void> {
  await walkZip(archive, async (entry, zip) => {
    const { kind, mode } = factsOf(entry);
    const path = join(folder, entry.fileName);
    if (kind === "directory") {
      await mkdir(path, { recursive: true });
      return true;
    }
    await mkdir(dirname(path), { recursive: true });
    if (kind === "link") {
      await symlink(await targetOf(entry, zip), path);
      return true;
    }
    await pipeline(await openEntry(entry, zip), createWriteStream(path, { flags: "wx" }));
    if ((mode & 0o100) !== 0) await chmod(path, 0o755);
    return true;
  });
}

/** Unix tools keep kind and permissions in the upper half of the attributes. */
function factsOf(entry: Entry): { kind: ArchiveEntry["kind"]; mode: number } {
  const upper = entry.externalFileAttributes >>> 16;
  const said = ZIP_KINDS[upper & 0o170000] ?? "other";
  const kind = said === "file" && entry.fileName.endsWith("/") ? "directory" : said;
  return { kind, mode: upper & 0o7777 };
}

function openEntry(entry: Entry, zip: ZipFile): Promise<NodeJS.ReadableStream> {
  return promisify<Entry, NodeJS.ReadableStream>(zip.openReadStream.bind(zip))(entry);
}

async function targetOf(entry: Entry, zip: ZipFile): Promise<string> {
  return (await readBuffer(await openEntry(entry, zip))).toString();
}
