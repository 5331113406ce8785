import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { runToEnd } from "../support/python.ts";
import { temporaryFolder } from "../support/temp.ts";

const root = resolve(import.meta.dirname, "../..");

type Page = "README.md" | "docs/applications.md" | "docs/administration.md";

/** One command of a console block, and what the page says that it prints. */
interface Shown {
  readonly command: string;
  readonly output: string;
}

/** The text below a heading of a page, up to the next one. */
function section(page: Page, heading: string): string {
  return (
    readFileSync(join(root, page), "utf8").split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? ""
  );
}

function consoleBlocks(text: string): Shown[][] {
  return [...text.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block]) =>
    (block ?? "")
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const end = part.indexOf("\n");
        return { command: part.slice(0, end), output: part.slice(end + 1) };
      }),
  );
}

/** Times, ports, users (and so the widths of columns) and the hashes of packages differ, and nothing else. */
const timeless = (text: string): string =>
  text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "2026-01-01T00:00:00Z")
    .replaceAll(/\S+ \(127\.0\.0\.1:\d{5}\)/g, "alice (127.0.0.1:40000)")
    .replaceAll(/ {2,}/g, "  ")
    .replaceAll(/grpc:\/\/127\.0\.0\.1:\d+/g, "grpc://127.0.0.1:9090")
    .replaceAll(/\b[0-9a-f]{64}\b/g, "SHA256")
    .replaceAll(/(?<=greeting-)[0-9a-f]{16}/g, "HASH");

describe("the pages", () => {
  let cluster: TestCluster;
  const scratch = temporaryFolder("pages");

  beforeAll(async () => {
    cluster = await startCluster();
  });

  afterAll(async () => {
    await cluster.close();
    scratch.remove();
  });

  /** The pages' own folders become those of this test. */
  const here = (text: string): string =>
    text
      .replaceAll("/tmp/", `${scratch.path}/`)
      .replaceAll(".flame/", `${cluster.home}/`)
      .replaceAll("examples/greeting.yaml", `${scratch.path}/manifest.yaml`);

  async function expectToFollow(block: readonly Shown[] | undefined): Promise<void> {
    expect(block).toBeDefined();
    for (const { command, output } of block ?? []) {
      const { stdout, stderr } = await runToEnd("sh", ["-c", here(command)], {
        env: cluster.env,
        cwd: root,
      });
      expect(timeless(stdout + stderr)).toBe(timeless(here(output)));
    }
  }

  test("the README shows a Python program that prints what it says", async () => {
    const program = /```python\n([\s\S]*?)```/.exec(section("README.md", "Use it"))?.[1] ?? "";
    const printed = [...program.matchAll(/print\(.*\) {2}# (.*)/g)].map(([, line]) => line);
    expect(printed).toHaveLength(2);
    const { stdout } = await cluster.python(program);
    expect(stdout.trim().split("\n")).toEqual(printed);
  });

  test("shows the manifest of the example as it is", () => {
    const manifest = readFileSync(join(root, "examples/greeting.yaml"), "utf8");
    expect(section("docs/applications.md", "An application with `url`, step by step")).toContain(
      manifest.replace(/^#.*\n/, ""),
    );
  });

  test("leads to an application with url, command by command and line by line", async () => {
    const manifest = readFileSync(join(root, "examples/greeting.yaml"), "utf8");
    writeFileSync(join(scratch.path, "manifest.yaml"), here(manifest));
    const blocks = consoleBlocks(
      section("docs/applications.md", "An application with `url`, step by step"),
    );
    expect(blocks).toHaveLength(3);
    for (const block of blocks) await expectToFollow(block);
  });

  test("leads to a deployed project, whose function runs", async () => {
    const [block] = consoleBlocks(section("docs/applications.md", "Deploy a project in one step"));
    await expectToFollow(block);
  });

  test("leads through a change of an application and back, and shows mistakes as they are told", async () => {
    const [change, mistake] = consoleBlocks(
      section("docs/administration.md", "Applications as files"),
    );
    await expectToFollow(change);
    await expectToFollow(mistake);
  });

  test("leads to an edit of a default that survives a restart", async () => {
    const [edit, look] = consoleBlocks(
      section("docs/administration.md", "Edit a default and see it survive"),
    );
    await expectToFollow(edit);
    await cluster.daemon("flame-session-manager").restart();
    await expectToFollow(look);
  });
});
