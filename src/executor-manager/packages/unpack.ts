import { createWriteStream } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import * as tar from "tar";
import { type Entry, type Options, open, type ZipFile } from "yauzl";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";

/** What an archive may unpack to. */
const UNPACKED_BYTES_MAX = 8 * 1024 ** 3;

const openZip = promisify<string, Options, ZipFile>(open);

/**
 * Unpacks an archive into an existing folder; nothing is stripped, and nothing gets out of the folder.
 * @throws FlameError invalid_argument for an archive that is broken, too large or not what its name says.
 */
export async function unpack(archive: string, folder: string): Promise<void> {
  try {
    if (archive.toLowerCase().endsWith(".zip")) await unpackZip(archive, folder);
    else await unpackTar(archive, folder);
  } catch (thrown) {
    if (thrown instanceof FlameError) throw thrown;
    throw new FlameError("invalid_argument", `cannot unpack "${archive}": ${textOf(thrown)}`, {
      cause: thrown,
    });
  }
}

async function unpackTar(archive: string, folder: string): Promise<void> {
  let bytes = 0;
  await tar.extract({
    file: archive,
    cwd: folder,
    // Strict: an entry that would have to be left out, for its path or its kind, is a broken archive.
    strict: true,
    filter: (_path, entry) => {
      bytes += "size" in entry ? entry.size : 0;
      return bytes <= UNPACKED_BYTES_MAX;
    },
  });
  refuseTooLarge(archive, bytes);
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

async function unpackZip(archive: string, folder: string): Promise<void> {
  let bytes = 0;
  await walkZip(archive, async (entry, zip) => {
    bytes += entry.uncompressedSize;
    refuseTooLarge(archive, bytes);
    // The library has refused absolute names and "..".
    const target = join(folder, entry.fileName);
    if (entry.fileName.endsWith("/")) {
      await mkdir(target, { recursive: true });
      return true;
    }
    await mkdir(dirname(target), { recursive: true });
    const read = await promisify<Entry, NodeJS.ReadableStream>(zip.openReadStream.bind(zip))(entry);
    await pipeline(read, createWriteStream(target));
    // Unix tools keep the mode in the upper half of this field.
    const mode = (entry.externalFileAttributes >>> 16) & 0o777;
    if ((mode & 0o100) !== 0) await chmod(target, 0o755);
    return true;
  });
}

function refuseTooLarge(archive: string, bytes: number): void {
  if (bytes <= UNPACKED_BYTES_MAX) return;
  throw new FlameError(
    "resource_exhausted",
    `"${archive}" unpacks to more than ${UNPACKED_BYTES_MAX} bytes`,
  );
}
