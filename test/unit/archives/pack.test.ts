import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { unpackLimits } from "../../../src/archives/archive-rules.ts";
import { folderContents } from "../../../src/archives/folder-contents.ts";
import { writeArchive } from "../../../src/archives/pack.ts";
import { unpack } from "../../../src/archives/unpack.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: { path: string; remove: () => void };

beforeEach(() => {
  folder = temporaryFolder("pack");
});
afterEach(() => folder.remove());

function put(path: string, content = path): string {
  const full = join(folder.path, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

const all = async (): Promise<boolean> => false;
const archive = (name: string): string => join(folder.path, name);
const listing = (file: string): string =>
  execFileSync("tar", ["-tvzf", file, "--numeric-owner", "--utc", "--full-time"], {
    encoding: "utf8",
  });

async function pack(root: string, name: string): Promise<string> {
  const { files } = await folderContents(join(folder.path, root), all);
  return (await writeArchive(files, archive(name), 2 ** 20)).sha256;
}

describe("an archive", () => {
  it("has the same bytes for the same files, whatever their times are and who has them", async () => {
    for (const root of ["one", "two"]) {
      put(`${root}/b.txt`, "b");
      put(`${root}/a/run`, "run");
      chmodSync(join(folder.path, root, "a/run"), 0o755);
    }
    utimesSync(join(folder.path, "two/b.txt"), 1, 1);
    const sha256 = await pack("one", "one.tar.gz");
    expect(await pack("two", "two.tar.gz")).toBe(sha256);
    expect(readFileSync(archive("one.tar.gz")).equals(readFileSync(archive("two.tar.gz")))).toBe(
      true,
    );
    expect(listing(archive("one.tar.gz")).trim().split("\n")).toEqual([
      expect.stringMatching(/^-rwxr-xr-x 0\/0 +3 1970-01-01 00:00:00 a\/run$/),
      expect.stringMatching(/^-rw-r--r-- 0\/0 +1 1970-01-01 00:00:00 b.txt$/),
    ]);
    put("two/b.txt", "c");
    expect(await pack("two", "three.tar.gz")).not.toBe(sha256);
  });

  it("gives every name and content back", async () => {
    const names = [
      "empty",
      "exactly-a-block",
      `${"deep/".repeat(30)}${"long".repeat(40)}.py`,
      "größe/データ.txt",
      "with space",
    ];
    for (const name of names) put(`in/${name}`, name === "empty" ? "" : name.padEnd(512, "."));
    await pack("in", "all.tar.gz");
    mkdirSync(join(folder.path, "out"));
    await unpack(archive("all.tar.gz"), join(folder.path, "out"));
    for (const name of names) {
      const [before, after] = ["in", "out"].map((root) =>
        readFileSync(join(folder.path, root, name), "utf8"),
      );
      expect(after).toBe(before);
    }
  });

  it("does not take a file that grows or shrinks meanwhile", async () => {
    const path = put("in/log", "12345");
    const { files } = await folderContents(join(folder.path, "in"), all);
    appendFileSync(path, "6");
    await expect(writeArchive(files, archive("a.tar.gz"), 2 ** 20)).rejects.toThrow(
      `${path} changed while it was packed: it had 5 bytes`,
    );
    truncateSync(path, 4);
    await expect(writeArchive(files, archive("b.tar.gz"), 2 ** 20)).rejects.toThrow("it had 5");
  });

  it("beyond its limit, packed or unpacked, is refused with its largest files", async () => {
    put("in/small", "x");
    put("in/data/noise", Array.from({ length: 9_000 }, (_, i) => (i * i * 31).toString(36)).join());
    const { files } = await folderContents(join(folder.path, "in"), all);
    await expect(writeArchive(files, archive("a.tar.gz"), 1_000)).rejects.toThrow(
      /more than 1000 bytes packed, at most 1000 bytes packed .* the largest are data\/noise \(\d+ bytes\), small \(1 bytes\)/,
    );
    truncateSync(join(folder.path, "in/small"), unpackLimits.bytes);
    const huge = await folderContents(join(folder.path, "in"), all);
    await expect(writeArchive(huge.files, archive("b.tar.gz"), 1_000)).rejects.toThrow(
      /at most 8589934592 bytes unpacked .* the largest are small \(8589934592 bytes\)/,
    );
  });

  it("that nodes would take for a bomb is refused", async () => {
    truncateSync(put("in/zeros"), 300 * 2 ** 20);
    const { files } = await folderContents(join(folder.path, "in"), all);
    await expect(writeArchive(files, archive("a.tar.gz"), 2 ** 30)).rejects.toThrow(
      "unpack to more than 200 times as many",
    );
  });
});

describe("the contents of a folder", () => {
  const contents = (leaveOut = ""): ReturnType<typeof folderContents> =>
    folderContents(join(folder.path, "in"), async (path) => basename(path) === leaveOut);

  it("are its files by name, and what was left out is told", async () => {
    put("in/b/c");
    put("in/b.txt");
    put("in/skip/d");
    const { files, leftOut } = await contents("skip");
    expect(files.map(({ name }) => name)).toEqual(["b.txt", "b/c"]);
    expect(leftOut).toEqual(["skip"]);
  });

  it("have links to files as these files", async () => {
    put("in/real", "content");
    symlinkSync("real", join(folder.path, "in/link"));
    const { files } = await contents();
    expect(files.map(({ name, bytes }) => [name, bytes])).toEqual([
      ["link", 7],
      ["real", 7],
    ]);
  });

  it.each([
    ["out of it", "../outside", /the link .*\/in\/link leads out of the package, to .*\/outside/],
    ["to nothing", "nowhere", /the link .*\/in\/link leads to nothing that there is/],
    ["to a folder", "folder", /the link .*\/in\/link leads to a folder, expected a file/],
  ])("may not have links %s", async (_where, target, text) => {
    put("outside");
    put("in/folder/file");
    symlinkSync(target, join(folder.path, "in/link"));
    await expect(contents()).rejects.toThrow(text);
  });

  it("may not have sockets", async () => {
    put("in/file");
    const server = createServer();
    await new Promise<void>((done) => server.listen(join(folder.path, "in/door"), done));
    await expect(contents()).rejects.toThrow(/in\/door is no file, folder or link/);
    await new Promise((done) => server.close(done));
  });
});
