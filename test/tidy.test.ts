import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";

const root = resolve(import.meta.dirname, "..");
const sourceLinesMax = 400;
const commentColumnsMax = 130;

/** Everything that git tracks or would track. */
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "");

const isGenerated = (file: string): boolean => /\/generated\/|_pb2|flamepy\/proto\//.test(file);
const isText = (file: string): boolean =>
  /\.(ts|mjs|json|ya?ml|py|md|sql|proto|toml|sh)$/.test(file);
const written = files.filter((file) => !isGenerated(file) && file !== "package-lock.json");
const sources = written.filter((file) => /\.(ts|mjs|py)$/.test(file));

/** A file that was removed but not yet from the index has no lines. */
function read(file: string): string {
  try {
    return readFileSync(join(root, file), "utf8");
  } catch {
    return "";
  }
}

/** `file:line: text` of every line that `fault` complains about. */
function faults(
  among: readonly string[],
  fault: (line: string, file: string) => boolean,
): string[] {
  return among.flatMap((file) =>
    read(file)
      .split("\n")
      .flatMap((line, index) =>
        fault(line, file) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
      ),
  );
}

describe("tidy", () => {
  test(`no source file is longer than ${sourceLinesMax} lines`, () => {
    const long = sources
      .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
      .filter(({ lines }) => lines > sourceLinesMax);
    expect(long).toEqual([]);
  });

  test("whoever writes that a test keeps something names a living test file", () => {
    const named = /([\w./-]+\.test\.ts|[\w./-]*test_\w+\.py) keeps?\b/g;
    const claims = written
      .filter((file) => file !== "test/tidy.test.ts" && isText(file))
      .flatMap((file) =>
        [
          ...read(file).matchAll(
            /.*\btests? keeps?\b.*|.*\.test\.ts keeps?\b.*|.*test_\w+\.py keeps?\b.*/g,
          ),
        ].map(([line]) => ({
          file,
          line,
          tests: [...line.matchAll(named)].map(([, test]) => test!),
        })),
      );
    const unproven = claims.filter(
      ({ tests }) =>
        tests.length === 0 || tests.some((test) => !files.some((file) => file.endsWith(test))),
    );
    expect(claims).not.toEqual([]);
    expect(unproven).toEqual([]);
  });

  test(`no comment is wider than ${commentColumnsMax} columns; code is the formatter's`, () => {
    const isComment = (line: string): boolean => /^\s*(\/\/|\/?\*|#)/.test(line);
    expect(
      faults(
        sources.filter(
          (file) => !["src/model/application-spec.ts", "plugin-api.d.ts"].includes(file),
        ),
        (line) => line.length > commentColumnsMax && isComment(line) && !line.includes("http"),
      ),
    ).toEqual([]);
  });

  test("source files are named in kebab-case", () => {
    const named = written.filter((file) => /^(src|test|bench|scripts)\/.*\.(ts|mjs)$/.test(file));
    expect(named.filter((file) => !/^[a-z0-9]+([-.][a-z0-9]+)*$/.test(basename(file)))).toEqual([]);
  });

  test("nothing is left for later: no notes to self, no stubs, no skipped or single tests", () => {
    const unfinished = new RegExp(
      ["TO" + "DO", "FIX" + "ME", "XX" + "X\\b", "not implemented" + " yet"].join("|"),
    );
    const held = new RegExp("\\b(test|it|describe)\\.(only|skip|todo)\\(");
    expect(faults(sources, (line) => unfinished.test(line) || held.test(line))).toEqual([]);
  });

  test("no file names a machine's folders, a registry's address or a document outside the repository", () => {
    // Not as a part of a longer path or a variable's value: ${FLAME_HOME}/work is a folder of ours.
    // In pieces, so that this file does not name them itself.
    const folders = ["wo" + "rk", "ro" + "ot", "ho" + "me"].join("|");
    const others = ["\\.\\./sha" + "red", "registry\\.np" + "mjs"].join("|");
    const foreign = new RegExp(`(?<![\\w})\\]>.-])/(${folders})/|${others}`);
    expect(faults(written.filter(isText), (line) => foreign.test(line))).toEqual([]);
  });

  test("the lock file holds no registry addresses, so that any mirror serves it", () => {
    expect(read("package-lock.json")).not.toContain('"resolved": "http');
  });

  test("every program of src/bin is one of the package", () => {
    const { bin } = JSON.parse(read("package.json")) as { bin: Record<string, string> };
    const programs = readdirSync(join(root, "src/bin")).map((file) => basename(file, ".ts"));
    expect(bin).toEqual(Object.fromEntries(programs.map((name) => [name, `dist/bin/${name}.js`])));
  });

  test("migrations are numbered without gaps, each number once", () => {
    const folder = join(root, "migrations/sqlite");
    const names = readdirSync(folder).sort();
    expect(names.filter((name) => !/^\d{4}_[a-z0-9_]+\.sql$/.test(name))).toEqual([]);
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(
      names.map((_, index) => index + 1),
    );
  });

  test("the change log has a place for what is not released yet, and a section of the package's version", () => {
    const sections = [...read("CHANGELOG.md").matchAll(/^## \[(.+?)\](?: - (.*))?$/gm)];
    const { version } = JSON.parse(read("package.json")) as { version: string };
    expect(sections.map(([, name]) => name)).toEqual(expect.arrayContaining([version]));
    expect(sections[0]?.slice(1)).toEqual(["Unreleased", undefined]);
    const dates = sections.slice(1).map(([, , date]) => date);
    expect(dates.filter((date) => !/^\d{4}-\d{2}-\d{2}$/.test(date ?? ""))).toEqual([]);
  });

  test("what the documents link to within the repository exists", () => {
    const documents = written.filter((file) => file.endsWith(".md"));
    const dead = documents.flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
        .map((match) => match[1] ?? "")
        .filter((target) => !exists(join(file, "..", target)))
        .map((target) => `${file}: ${target}`),
    );
    expect(dead).toEqual([]);
  });
});

function exists(path: string): boolean {
  const target = path.replace(/\/$/, "");
  return files.some((file) => file === target || file.startsWith(`${target}/`));
}
