import { basename } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { promisify } from "node:util";
import type { Entry } from "yauzl";
import { walkZip } from "../../archives/unpack.ts";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";

/** `name-version(-build)?-python-abi-platform.whl`: the only names that installers take. */
const WHEEL_NAME = /^[^-]+-[^-]+(-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl$/;
const WHEEL_FILE = /^([^/]+)\.dist-info\/WHEEL$/;

/**
 * The name under which a wheel can be installed: its own, or, for a wheel that somebody renamed (`my-app.whl`), the
 * one that its contents say.
 * @throws FlameError invalid_argument when the file is no wheel.
 */
export async function wheelName(path: string): Promise<string> {
  const facts = await readWheelFile(path);
  const name = basename(path);
  if (WHEEL_NAME.test(name)) return name;
  const tags = [...facts.text.matchAll(/^Tag:\s*(\S+)-(\S+)-(\S+)\s*$/gm)];
  const join = (part: number): string => [...new Set(tags.map((tag) => tag[part] ?? ""))].join(".");
  if (tags.length === 0)
    throw new FlameError("invalid_argument", `"${path}" is no wheel: ${facts.name} has no Tag`);
  return `${facts.stem}-${join(1)}-${join(2)}-${join(3)}.whl`;
}

async function readWheelFile(path: string): Promise<{ name: string; stem: string; text: string }> {
  let found: { name: string; stem: string; text: string } | undefined;
  try {
    await walkZip(path, async (entry, zip) => {
      const stem = WHEEL_FILE.exec(entry.fileName)?.[1];
      if (stem === undefined) return true;
      const stream = await promisify<Entry, NodeJS.ReadableStream>(zip.openReadStream.bind(zip))(
        entry,
      );
      found = { name: entry.fileName, stem, text: await readAll(stream) };
      return false;
    });
  } catch (thrown) {
    throw new FlameError("invalid_argument", `"${path}" is no wheel: ${textOf(thrown)}`, {
      cause: thrown,
    });
  }
  if (found === undefined) {
    throw new FlameError(
      "invalid_argument",
      `"${path}" is no wheel: it holds no *.dist-info/WHEEL`,
    );
  }
  return found;
}
