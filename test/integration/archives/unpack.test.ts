import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Header } from "tar";
import { unpackLimits } from "../../../src/archives/archive-rules.ts";
import { checkWheel, unpack } from "../../../src/archives/unpack.ts";
import { contentHash } from "../../../src/executor-manager/packages/content-hash.ts";
import { storedZip } from "../../../src/executor-manager/packages/stored-zip.ts";
import { pythons } from "../../support/python.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: { path: string; remove: () => void };
let target: string;

beforeEach(() => {
  folder = temporaryFolder("unpack");
  target = join(folder.path, "outer/target");
  mkdirSync(target, { recursive: true });
});

afterEach(() => folder.remove());

interface Item {
  readonly path: string;
  readonly type?:
    | "File"
    | "Directory"
    | "SymbolicLink"
    | "Link"
    | "CharacterDevice"
    | "BlockDevice"
    | "FIFO";
  readonly linkpath?: string;
  readonly mode?: number;
  readonly content?: string;
}

const file = (path: string, content = "x"): Item => ({ path, content });
const link = (path: string, linkpath: string): Item => ({ path, linkpath, type: "SymbolicLink" });

/** A tar file of exactly these entries, byte by byte: no tool would write some of them. */
function tarball(items: readonly Item[]): string {
  const blocks = items.map(({ content = "", ...item }) => {
    const block = Buffer.alloc(512);
    const data = Buffer.alloc(Math.ceil(content.length / 512) * 512);
    data.write(content);
    new Header({ type: "File", mode: 0o644, ...item, size: content.length }).encode(block);
    return Buffer.concat([block, data]);
  });
  const path = join(folder.path, "package.tar.gz");
  writeFileSync(path, gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)])));
  return path;
}

/** A zip file whose entries have these Unix modes, kinds included. */
function zip(files: Record<string, string>, modes: Record<string, number> = {}): string {
  const bytes = storedZip(files);
  const central = Buffer.from([0x50, 0x4b, 1, 2]);
  for (let at = bytes.indexOf(central); at !== -1; at = bytes.indexOf(central, at + 4)) {
    const name = bytes.toString("utf8", at + 46, at + 46 + bytes.readUInt16LE(at + 28));
    bytes.writeUInt32LE(((modes[name] ?? 0o100644) << 16) >>> 0, at + 38);
  }
  const path = join(folder.path, "package.zip");
  writeFileSync(path, bytes);
  return path;
}

/** Nothing of a refused archive is written, inside or outside of its folder. */
async function expectRefused(archive: string, text: RegExp | string): Promise<void> {
  await expect(unpack(archive, target)).rejects.toThrow(text);
  expect(readdirSync(target)).toEqual([]);
  expect(readdirSync(join(folder.path, "outer"))).toEqual(["target"]);
}

describe("a tar archive is refused, whole, for", () => {
  test.each([
    [
      "an absolute path",
      [file("/tmp/flame-outside")],
      'its entry "/tmp/flame-outside" has a path that leaves',
    ],
    [
      "a path with ..",
      [file("a/../../outside")],
      'its entry "a/../../outside" has a path that leaves',
    ],
    [
      "a link to an absolute path",
      [link("l", "/etc/passwd")],
      'its entry "l" links to "/etc/passwd", which is outside',
    ],
    ["a link out", [link("a/l", "../../outside")], 'links to "../../outside", which is outside'],
    [
      "a link out through another link",
      [file("d/x"), link("d/l", ".."), link("m", "d/l/../outside")],
      'links to "d/l/../outside"',
    ],
    [
      "a file behind a link",
      [link("l", "."), file("l/x")],
      'its entry "l/x" lies below "l", which is a link',
    ],
    [
      "a hard link out",
      [{ path: "h", linkpath: "../outside", type: "Link" }],
      'links to "../outside", which is no file before it',
    ],
    [
      "a hard link to a link",
      [link("l", "x"), { path: "h", linkpath: "l", type: "Link" }],
      "which is no file before it",
    ],
    [
      "a character device",
      [{ path: "null", type: "CharacterDevice" }],
      'its entry "null" is no file, directory or link',
    ],
    ["a block device", [{ path: "disk", type: "BlockDevice" }], "is no file, directory or link"],
    ["a pipe", [{ path: "pipe", type: "FIFO" }], "is no file, directory or link"],
    [
      "a file that is there twice",
      [file("a", "1"), file("./a", "2")],
      'its entry "./a" is there twice',
    ],
    ["a file in place of a directory", [file("a/b"), file("a")], 'its entry "a" is there twice'],
    [
      "a link in place of a directory",
      [file("a/b"), link("a", "c")],
      'its entry "a" is there twice',
    ],
    ["a setuid file", [{ path: "su", mode: 0o4755 }], 'its entry "su" is setuid or setgid'],
    ["a setgid file", [{ path: "sg", mode: 0o2755 }], "is setuid or setgid"],
  ] as [string, Item[], string][])("%s", async (_name, items, text) => {
    await expectRefused(tarball([file("good"), ...items]), text);
    expect(existsSync("/tmp/flame-outside")).toBe(false);
  });

  test("what it unpacks to: a bomb", async () => {
    const small = { ...unpackLimits, freeBytes: 1_000_000 };
    const bomb = tarball([file("zeros", "0".repeat(2_000_000))]);
    const facts = statSync(bomb);
    await expect(unpack(bomb, target, small)).rejects.toThrow(
      `its ${facts.size} bytes unpack to more than 200 times as many`,
    );
    await expect(unpack(bomb, target, { ...unpackLimits, bytes: 1_999_999 })).rejects.toThrow(
      "it unpacks to more than 1999999 bytes",
    );
    await expect(
      unpack(tarball([file("a"), file("b"), file("c")]), target, { ...unpackLimits, entries: 2 }),
    ).rejects.toThrow("it has more than 2 entries");
    expect(readdirSync(target)).toEqual([]);
  });

  test("being broken", async () => {
    const whole = readFileSync(tarball([file("a", "text".repeat(10_000))]));
    const path = join(folder.path, "torn.tgz");
    writeFileSync(path, whole.subarray(0, whole.length / 2));
    await expectRefused(path, /cannot unpack ".*torn\.tgz": unexpected end of file/);
    writeFileSync(path, "no archive");
    await expectRefused(path, /cannot unpack ".*torn\.tgz": incorrect header check/);
    writeFileSync(path, gzipSync("no archive".repeat(200)));
    await expectRefused(path, /cannot unpack ".*torn\.tgz": /);
  });
});

describe("a zip archive is refused, whole, for", () => {
  test.each([
    ["an absolute path", { "/tmp/flame-outside": "x" }, {}, "absolute path"],
    ["a path with ..", { "../outside": "x" }, {}, "invalid relative path"],
    [
      "a link out",
      { l: "../outside" },
      { l: 0o120777 },
      'its entry "l" links to "../outside", which is outside',
    ],
    [
      "a file behind a link",
      { l: ".", "l/x": "x" },
      { l: 0o120777 },
      'its entry "l/x" lies below "l"',
    ],
    ["a device", { dev: "" }, { dev: 0o020644 }, 'its entry "dev" is no file, directory or link'],
    ["a file that is there twice", { a: "1", "./a": "2" }, {}, 'its entry "./a" is there twice'],
    ["a setuid file", { su: "x" }, { su: 0o104755 }, 'its entry "su" is setuid or setgid'],
  ] as [string, Record<string, string>, Record<string, number>, string][])(
    "%s",
    async (_name, files, modes, text) => {
      await expectRefused(zip({ good: "x", ...files }, modes), text);
    },
  );

  test("what it unpacks to: a bomb", async () => {
    const path = join(folder.path, "bomb.zip");
    writeFileSync(join(folder.path, "zeros"), Buffer.alloc(2_000_000));
    const python =
      "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w', 8).write(sys.argv[2], 'zeros')";
    execFileSync(pythons.ours, ["-c", python, path, join(folder.path, "zeros")]);
    await expect(unpack(path, target, { ...unpackLimits, freeBytes: 1_000_000 })).rejects.toThrow(
      /its \d+ bytes unpack to more than 200 times as many/,
    );
    expect(readdirSync(target)).toEqual([]);
  });
});

describe("what is refused of archives", () => {
  test("is refused of wheels, before an installer sees them", async () => {
    await expect(checkWheel(zip({ "../outside": "x" }))).rejects.toThrow(/cannot install ".*": /);
    await expect(checkWheel(zip({ su: "x" }, { su: 0o104755 }))).rejects.toThrow("is setuid");
    await checkWheel(zip({ "a/b.py": "x" }));
  });

  test("is refused of directories, where it can be there", async () => {
    const path = join(folder.path, "directory");
    mkdirSync(path);
    execFileSync("sh", ["-c", 'mkfifo "$0"', join(path, "pipe")]);
    await expect(contentHash(path, true)).rejects.toThrow(
      'its entry "pipe" is no file, directory or link',
    );
    const other = join(folder.path, "other");
    mkdirSync(other);
    writeFileSync(join(other, "su"), "x");
    chmodSync(join(other, "su"), 0o4755);
    await expect(contentHash(other, true)).rejects.toThrow('its entry "su" is setuid or setgid');
  });
});

describe("an archive is unpacked with", () => {
  test("files, modes, directories of either order, and links that stay inside", async () => {
    const items: Item[] = [
      { path: "./", type: "Directory", mode: 0o755 },
      { path: "bin/run", content: "run", mode: 0o755 },
      { path: "bin", type: "Directory", mode: 0o2755 },
      link("current", "bin/run"),
      link("bin/up", "../bin/./run"),
      { path: "same", linkpath: "bin/run", type: "Link" },
    ];
    await unpack(tarball(items), target);
    expect(readdirSync(target).sort()).toEqual(["bin", "current", "same"]);
    expect(readFileSync(join(target, "bin/up"), "utf8")).toBe("run");
    expect(statSync(join(target, "same")).mode & 0o111).toBe(0o111);
  });

  test("links of a zip file as links", async () => {
    await unpack(
      zip({ "a/file": "text", l: "a/file" }, { l: 0o120777, "a/file": 0o100755 }),
      target,
    );
    expect(readlinkSync(join(target, "l"))).toBe("a/file");
    expect(statSync(join(target, "l")).mode & 0o100).toBe(0o100);
  });

  test("everything that the usual tools write", async () => {
    const from = join(folder.path, "from");
    mkdirSync(join(from, "deep/er"), { recursive: true });
    writeFileSync(join(from, "deep/er", `${"long".repeat(22)}.txt`), "long");
    writeFileSync(join(from, "größe"), "ü");
    symlinkSync("deep/er", join(from, "link"));
    const archive = join(folder.path, "usual.tgz");
    for (const format of ["gnu", "pax", "ustar"]) {
      execFileSync("tar", [`--format=${format}`, "-czf", archive, "-C", from, "."]);
      const into = join(folder.path, format);
      mkdirSync(into);
      await unpack(archive, into);
      expect(readdirSync(into).sort()).toEqual(["deep", "größe", "link"]);
      expect(readdirSync(join(into, "link"))).toEqual([`${"long".repeat(22)}.txt`]);
    }
  });
});
