import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { copyCheckout } from "../../scripts/lib/installed-prefix.mjs";
import { makeRelease } from "../../scripts/lib/release/release.mjs";
import { pinsOf, requirementSet } from "../../scripts/lib/requirements.mjs";
import { preparedHome, pythons, runToEnd } from "../support/python.ts";
import { temporaryFolder } from "../support/temp.ts";

const root = resolve(import.meta.dirname, "../..");
const repository = "https://git.example/flame.git";

let folder: ReturnType<typeof temporaryFolder>;
let commit: string;
/** Two checkouts of one commit, and what was made of each. */
const checkouts: string[] = [];
const releases: string[] = [];

const git = (cwd: string, ...args: string[]): string =>
  execFileSync("git", args, { cwd, encoding: "utf8" }).trim();

const release = (checkout: string, out: string): Promise<string[]> =>
  makeRelease({
    ...{ root: checkout, home: preparedHome, uv: join(preparedHome, "bin/uv") },
    ...{ python: pythons.ours, out, repository },
  });

const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "",
    (failure: unknown) => (failure as Error).message,
  );

beforeAll(async () => {
  folder = temporaryFolder("release");
  const first = join(folder.path, "first");
  copyCheckout(first);
  git(first, "init", "--quiet");
  // A link is no folder, which is what .gitignore names.
  writeFileSync(join(first, ".git/info/exclude"), "node_modules\n");
  const who = ["-c", "user.name=flame", "-c", "user.email=flame@git.example"];
  git(first, "add", "--all");
  git(first, ...who, "commit", "--quiet", "--message", "All of it");
  commit = git(first, "rev-parse", "HEAD");
  const second = join(folder.path, "elsewhere/second");
  execFileSync("cp", ["-a", first, join(folder.path, "second")]);
  execFileSync("mkdir", ["-p", join(folder.path, "elsewhere")]);
  execFileSync("mv", [join(folder.path, "second"), second]);
  checkouts.push(first, second);
  for (const [at, checkout] of checkouts.entries()) {
    const out = join(folder.path, `release-${at}`);
    await release(checkout, out);
    releases.push(out);
  }
});

afterAll(() => folder.remove());

const read = (name: string, at = 0): Buffer => readFileSync(join(releases[at] ?? "", name));
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const version = (
  JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }
).version;

describe("a release of a commit", () => {
  test("is the sources, the npm package, flamepy, and what is known of them", () => {
    expect(readdirSync(releases[0] ?? "").sort()).toEqual(
      [
        ...["SHA256SUMS", `flame-${version}.cdx.json`, `flame-${version}.intoto.json`],
        ...[`flame-${version}.tar.gz`, `flame-ts-${version}.tgz`],
        ...[`flamepy-${version}-py3-none-any.whl`, `flamepy-${version}.tar.gz`],
      ].sort(),
    );
  });

  test("is the same bytes when it is made again elsewhere", () => {
    const names = readdirSync(releases[0] ?? "");
    expect(readdirSync(releases[1] ?? "")).toEqual(names);
    const other = names.filter((name) => !read(name, 0).equals(read(name, 1)));
    expect(other).toEqual([]);
  });

  test("agrees with its sums, and a changed file does not", async () => {
    const check = (): ReturnType<typeof runToEnd> =>
      runToEnd("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: releases[1] ?? "" });
    expect(await check()).toMatchObject({ code: 0 });
    const lines = read("SHA256SUMS").toString().trim().split("\n");
    expect(lines).toHaveLength(readdirSync(releases[0] ?? "").length - 1);
    const file = join(releases[1] ?? "", `flame-ts-${version}.tgz`);
    const bytes = readFileSync(file);
    writeFileSync(file, Buffer.concat([bytes, Buffer.from("x")]));
    expect(await check()).toMatchObject({ code: 1 });
    writeFileSync(file, bytes);
  });

  test("has a statement of what it was made from, as in-toto and SLSA have it", () => {
    const statement = JSON.parse(read(`flame-${version}.intoto.json`).toString()) as {
      subject: { name: string; digest: { sha256: string } }[];
    };
    expect(statement).toMatchObject({
      _type: "https://in-toto.io/Statement/v1",
      predicateType: "https://slsa.dev/provenance/v1",
      predicate: {
        buildDefinition: {
          buildType: expect.stringMatching(/^urn:/),
          externalParameters: { commit, repository },
          internalParameters: { dirty: false },
          resolvedDependencies: expect.arrayContaining([
            {
              name: "source",
              uri: `git+${repository}@${commit}`,
              digest: { gitCommit: commit },
            },
            {
              name: "package-lock.json",
              digest: { sha256: sha256(readFileSync(join(root, "package-lock.json"))) },
            },
          ]),
        },
        runDetails: {
          builder: {
            id: expect.stringMatching(/^urn:/),
            version: {
              node: process.versions.node,
              npm: expect.stringMatching(/^\d+\./),
              python: expect.stringMatching(/^3\./),
              uv: expect.stringMatching(/^\d+\.\d+\.\d+$/),
            },
          },
        },
      },
    });
    const said = new Set(["SHA256SUMS", `flame-${version}.intoto.json`]);
    const built = readdirSync(releases[0] ?? "").filter((name) => !said.has(name));
    expect(statement.subject).toEqual(
      built.sort().map((name) => ({ name, digest: { sha256: sha256(read(name)) } })),
    );
  });

  test("has a bill of materials of all that an installation runs, with hashes", () => {
    const bill = JSON.parse(read(`flame-${version}.cdx.json`).toString()) as {
      components: { purl: string; version: string; hashes: { content: string }[] }[];
      dependencies: { ref: string; dependsOn: string[] }[];
    };
    expect(bill).toMatchObject({
      bomFormat: "CycloneDX",
      specVersion: "1.5",
      metadata: { component: { name: "flame", type: "application", version } },
    });
    const hashes = new Map(
      bill.components.map((it) => [it.purl, it.hashes.map(({ content }) => content)]),
    );
    for (const set of ["uv", "build", "flmrun"])
      for (const pin of pinsOf(requirementSet(root, set).path))
        expect(hashes.get(`pkg:pypi/${pin.name}@${pin.version}`)).toEqual(pin.hashes);
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    for (const [name, wanted] of Object.entries(dependencies)) {
      const purl = `pkg:npm/${name.replace("@", "%40")}@${wanted}`;
      expect({ purl, hashes: hashes.get(purl)?.length }).toEqual({ purl, hashes: 1 });
    }
    // What only builds and tests is no part of it.
    expect(
      [...hashes.keys()].filter((purl) => /npm\/(jest|typescript|eslint)@/.test(purl)),
    ).toEqual([]);
    const ours = bill.dependencies.find(({ ref }) => ref === `flame@${version}`);
    expect(ours?.dependsOn).toContain(
      [...hashes.keys()].find((purl) => purl.startsWith("pkg:pypi/grpcio@")),
    );
  });

  test("has a wheel and a source distribution that are flamepy", async () => {
    const environment = join(folder.path, "venv");
    const uv = (...args: string[]): ReturnType<typeof runToEnd> =>
      runToEnd(join(preparedHome, "bin/uv"), args, { deadlineMs: 120_000 });
    const wheels = ["--no-index", "--no-deps", "--find-links", join(preparedHome, "wheels")];
    for (const name of [`flamepy-${version}-py3-none-any.whl`, `flamepy-${version}.tar.gz`]) {
      expect(await uv("venv", "--clear", "--python", pythons.ours, environment)).toMatchObject({
        code: 0,
      });
      const archive = join(releases[0] ?? "", name);
      const python = join(environment, "bin/python");
      const install = await uv("pip", "install", "--python", python, ...wheels, archive);
      expect(install).toMatchObject({ code: 0 });
      const code = "from importlib.metadata import version; print(version('flamepy'))";
      const said = await runToEnd(python, ["-I", "-c", code]);
      expect(said).toMatchObject({ code: 0, stdout: `${version}\n` });
    }
  });
});

describe("no release is made", () => {
  test("of a checkout with changes: they are listed", async () => {
    const file = join(checkouts[1] ?? "", "README.md");
    const before = readFileSync(file);
    writeFileSync(file, "changed");
    writeFileSync(join(checkouts[1] ?? "", "new.txt"), "");
    const said = await messageOf(release(checkouts[1] ?? "", join(folder.path, "never")));
    expect(said).toContain(`this is not what commit ${commit} has`);
    expect(said).toMatch(/\n *M README\.md\n\?\? new\.txt\nWhat to do: commit these changes/);
    expect(readdirSync(folder.path)).not.toContain("never");
    writeFileSync(file, before);
    execFileSync("rm", [join(checkouts[1] ?? "", "new.txt")]);
  });

  test("of a folder that is no checkout", async () => {
    expect(await messageOf(release(folder.path, join(folder.path, "never")))).toMatch(
      /: got no commit of git, expected a checkout\.\nWhat to do: /,
    );
  });

  test("into a folder that holds something", async () => {
    expect(await messageOf(release(checkouts[1] ?? "", releases[0] ?? ""))).toMatch(
      /this folder holds something already, expected a new one\.\nWhat to do: /,
    );
  });
});
