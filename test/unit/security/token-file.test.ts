import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { readTokenFile, type TokenFileOptions } from "../../../src/security/token-file.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder("tokens");
  file = join(folder.path, "tokens");
});
afterEach(() => folder.remove());

const hashOf = (token: string): string =>
  `sha256:${createHash("sha256").update(token).digest("hex")}`;
const noon = Date.parse("2027-01-31T12:00:00Z");

function read(lines: readonly string[], over: Partial<TokenFileOptions> = {}) {
  writeFileSync(file, `${lines.join("\n")}\n`);
  return readTokenFile({ file, key: "cluster.security.token_file", now: () => noon, ...over });
}

describe("a token file", () => {
  it("takes plain tokens as before, with all roles, and warns that they have no name", () => {
    const known = read(["# comment", "", "plain-0123456789"]);
    expect(known.ownerOf("plain-0123456789")).toMatchObject({
      name: "token",
      identity: { id: `token ${hashOf("plain-0123456789").slice(7, 39)}` },
    });
    expect(known.ownerOf("plain-0123456789")).not.toHaveProperty("grants", expect.anything());
    expect(known.ownerOf("plain-0123456788")).toBeUndefined();
    expect(known.warnings).toEqual([
      `cluster.security.token_file: a token of ${file} (line 3) without a name: whoever has it may do everything; ` +
        "flame token NAME makes one with a name and an end",
    ]);
  });

  it("knows a name by any of its tokens, each with the roles of its line", () => {
    const known = read(
      [
        `alice ${hashOf("first")} roles=user,viewer`,
        `alice ${hashOf("second")} expires=2027-01-31`,
      ],
      { defaultRoles: ["node"] },
    );
    expect(known.ownerOf("first")).toMatchObject({
      name: "alice",
      identity: { id: "name alice" },
      grants: [{ role: "user" }, { role: "viewer" }],
    });
    expect(known.ownerOf("second")).toMatchObject({
      identity: { id: "name alice" },
      grants: [{ role: "node" }],
    });
    expect(known.warnings).toEqual([]);
  });

  it("lets the name count where a plain token's hash stands beside it, in either order", () => {
    const plain = "plain-0123456789";
    for (const lines of [
      [plain, `n1 ${hashOf(plain)}`],
      [`n1 ${hashOf(plain)}`, plain],
    ]) {
      const known = read(lines, { defaultRoles: ["node"] });
      expect(known.ownerOf(plain)).toMatchObject({ name: "n1", grants: [{ role: "node" }] });
      expect(known.warnings).toEqual([]);
    }
  });

  it("refuses a token from the moment on that its line names, and its identity with it", () => {
    let now = noon;
    const known = read([`alice ${hashOf("a")} roles=user expires=2027-01-31T12:30Z`], {
      now: () => now,
    });
    const owner = known.ownerOf("a");
    const identity = typeof owner === "object" ? owner.identity : undefined;
    expect(identity?.accepts("name alice")).toBe(true);
    now = Date.parse("2027-01-31T12:30:00Z");
    expect(known.ownerOf("a")).toMatch(/^the token of alice expired at 2027-01-31T12:30:00\.000Z/);
    expect(identity?.accepts("name alice")).toBe(false);
  });

  it("warns of lines that let nobody do anything", () => {
    const lines = [`alice ${hashOf("a")} roles=user expires=2027-01-30`, `bob ${hashOf("b")}`];
    expect(read(lines).warnings).toEqual([
      `cluster.security.token_file: the token of alice (${file}, line 1) has expired`,
      expect.stringContaining(`bob (${file}, line 2) has no role: add roles= to the line`),
    ]);
    const hasRoles = (name: string): boolean => name === "bob";
    expect(read(lines, { hasRoles }).warnings).toHaveLength(1);
  });

  it("gives names all roles whose lines say none, where that is the default, and warns once of them", () => {
    const lines = [`alice ${hashOf("a")}`, `bob ${hashOf("b")} roles=viewer`, `eve ${hashOf("e")}`];
    const known = read(lines, { defaultRoles: "all" });
    const held = ["a", "b"].map((token) => {
      const owner = known.ownerOf(token);
      return typeof owner === "object" ? owner.grants : owner;
    });
    expect(held).toEqual([undefined, [{ role: "viewer" }]]);
    expect(known.warnings).toEqual([
      `cluster.security.token_file: lines 1, 3 of ${file} without roles=, and cluster.security.roles is absent: their tokens may do ` +
        "everything (docs/security.md, 37.2)",
    ]);
  });

  it.each<[string, string[], RegExp]>([
    [
      "a hash of another kind",
      ["alice md5:00"],
      /line 1: got no hash behind the name alice, expected sha256: and 64/,
    ],
    [
      "a hash that is cut",
      [`alice ${hashOf("a").slice(0, -1)}`],
      /line 1: got no hash behind the name alice/,
    ],
    [
      "a name that is none",
      ["# who", `al/ice ${hashOf("a")}`],
      /line 2: got the name "al\/ice", expected 1 to 128/,
    ],
    [
      "a role that is none",
      [`alice ${hashOf("a")} roles=user,root`],
      /line 1: got the role "root", expected one of viewer, user/,
    ],
    ["an empty list of roles", [`alice ${hashOf("a")} roles=`], /line 1: got the role ""/],
    [
      "a day that the month has not",
      [`alice ${hashOf("a")} expires=2027-02-30`],
      /line 1: got the date "2027-02-30", expected a day/,
    ],
    [
      "a date without a zone",
      [`alice ${hashOf("a")} expires=2027-02-03T10:00`],
      /got the date "2027-02-03T10:00"/,
    ],
    [
      "a word that is none",
      [`alice ${hashOf("a")} role=user`],
      /got "role=user", expected roles=ROLE,\.\.\. or expires=DATE/,
    ],
    ["a word twice", [`alice ${hashOf("a")} roles=user roles=admin`], /got roles= twice/],
    [
      "a token twice",
      [`alice ${hashOf("a")}`, `bob ${hashOf("a")}`],
      /line 2: the hash of line 1 once more/,
    ],
    [
      "a plain token with a blank",
      ["plain-0123456789 plain-0123456789"],
      /line 1: got no hash behind the name plain-…, expected/,
    ],
  ])("refuses %s, naming file and line", (_what, lines, text) => {
    expect(() => read(lines)).toThrow(
      expect.objectContaining({ code: "invalid_config", message: expect.stringMatching(text) }),
    );
    expect(() => read(lines)).toThrow(`cluster.security.token_file: the file ${file}, line `);
  });
});
