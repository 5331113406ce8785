import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { FlameContext } from "../../../src/cli/flame/context.ts";
import { flame } from "../../../src/cli/flame/program.ts";
import { parseTokenLine, tokenDigest } from "../../../src/config/token-lines.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder("token");
});
afterEach(() => folder.remove());

async function run(...argv: string[]) {
  const printed = { out: "", err: "" };
  const terminal = {
    out: (text: string) => void (printed.out += text),
    err: (text: string) => void (printed.err += text),
    interactive: false,
  };
  const code = await flame(["token", ...argv], { terminal } as unknown as FlameContext);
  return { code, ...printed };
}

describe("flame token", () => {
  it("prints a new token, and the line that lets it in without holding it", async () => {
    const { code, out } = await run("alice", "--roles", "user,viewer", "--expires", "2027-01-31");
    expect(code).toBe(0);
    const [, token = "", line = ""] =
      /^The token, which is not shown again:\n {2}(\S+)\nIts line for the token file:\n {2}(.+)\n$/.exec(
        out,
      ) ?? [];
    expect(token).toMatch(/^[\w-]{43}$/);
    expect(line).not.toContain(token);
    expect(parseTokenLine(line)).toEqual({
      kind: "named",
      name: "alice",
      digest: tokenDigest(token),
      roles: ["user", "viewer"],
      expires: Date.parse("2027-02-01T00:00:00Z"),
    });
    expect((await run("alice")).out).not.toContain(token);
  });

  it("writes the token into a new file of its owner, and prints the line alone", async () => {
    const file = join(folder.path, "n1.token");
    const { code, out } = await run("n1", "--out", file);
    expect(code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const token = readFileSync(file, "utf8").trim();
    expect(out).toBe(`n1 sha256:${tokenDigest(token).toString("hex")}\n`);
    const again = await run("n1", "--out", file);
    expect(again).toMatchObject({ code: 1, out: "" });
    expect(again.err).toMatch(
      /--out: the file \S+n1\.token cannot be made: EEXIST.*no token was made/s,
    );
    expect(readFileSync(file, "utf8").trim()).toBe(token);
  });

  it.each([
    [["al/ice"], 'got the name "al/ice", expected 1 to 128 letters'],
    [
      ["alice", "--roles", "root"],
      'got the role "root", expected one of viewer, user, operator, admin, node',
    ],
    [
      ["alice", "--expires", "31.1.2027"],
      'got the date "31.1.2027", expected a day such as 2027-01-31',
    ],
  ])("refuses %j with what it expects", async (argv, text) => {
    const { code, out, err } = await run(...argv);
    expect(code).not.toBe(0);
    expect(out).toBe("");
    expect(err).toContain(text);
  });
});
