import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";

const root = resolve(import.meta.dirname, "../../..");
const pages = [
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
  ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"],
];
const linesOf = (page: string): string[] => readFileSync(join(root, page), "utf8").split("\n");

/** `<a id="4.3"></a>**4.3.** What is stated.` */
const statement = /^<a id="(?<id>[\d.]+)"><\/a>\*\*(?<number>[\d.]+)\.\*\* \S/;
const numbered = pages.filter((page) => linesOf(page).some((line) => statement.test(line)));

/** Line numbers with what is wrong there. */
function faultsOf(page: string): string[] {
  const faults: string[] = [];
  const seen = new Set<string>();
  let fenced = false;
  let section = "";
  for (const [index, line] of linesOf(page).entries()) {
    if (line.startsWith("```")) fenced = !fenced;
    if (fenced) continue;
    section = /^## (\d+)\. /.exec(line)?.[1] ?? section;
    const fault = (what: string): number => faults.push(`${page}:${index + 1}: ${what}`);
    if (/^\d+\.\d+\. /.test(line)) fault("a statement without an anchor");
    const { id = "", number = "" } = statement.exec(line)?.groups ?? {};
    if (number === "") continue;
    if (id !== number) fault(`${number} has the anchor ${id}`);
    if (seen.has(number)) fault(`${number} a second time`);
    if (!number.startsWith(`${section}.`)) fault(`${number} in section ${section}`);
    if (linesOf(page)[index - 1] !== "") fault(`${number} runs into what stands before it`);
    seen.add(number);
  }
  return faults;
}

describe("numbered statements", () => {
  test("are found", () => {
    expect(numbered).toEqual(expect.arrayContaining(["docs/protocol.md", "docs/flmrun.md"]));
  });

  test.each(numbered)("of %s each stand for themselves, and can be linked to", (page) => {
    expect(faultsOf(page)).toEqual([]);
  });

  test("that are linked to are there", () => {
    const links = pages.flatMap((page) =>
      linesOf(page).flatMap((line) =>
        [...line.matchAll(/\]\((?<to>[\w./-]*\.md)#(?<id>\d[\d.]*)\)/g)].map(({ groups }) => ({
          page,
          to: join(dirname(page), groups?.["to"] ?? ""),
          id: groups?.["id"] ?? "",
        })),
      ),
    );
    expect(links.length).toBeGreaterThan(0);
    const lost = links.filter(({ to, id }) => !linesOf(to).join("\n").includes(`<a id="${id}">`));
    expect(lost).toEqual([]);
  });
});
