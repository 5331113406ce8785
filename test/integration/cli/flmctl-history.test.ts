import { userInfo } from "node:os";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { flmctlIn } from "../../support/flmctl-in.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";

let manager: ManagerUnderTest;
beforeAll(async () => {
  manager = await startManager();
});
afterAll(() => manager.close());

let number = 0;
let name: string;
const apply = async (spec: string): Promise<void> => {
  const stdin = `metadata: { name: ${name} }\nspec: ${spec}\n`;
  expect((await flmctlIn(manager, { stdin }, "apply", "-f", "-")).code).toBe(0);
};
const manifest = async (): Promise<string> => (await manager.flmctl("get", "app", name)).out;

/** Three revisions of an application that no other test has. */
beforeEach(async () => {
  name = `history-${++number}`;
  await apply("{ command: /bin/1 }");
  await apply("{ command: /bin/2, labels: [two] }");
  await apply("{ command: /bin/3 }");
});

describe("flmctl history", () => {
  it("tells when, by whom, why and what, the latest first", async () => {
    await manager.flmctl("rollback", "app", name, "--to", "1");
    const { out } = await manager.flmctl("history", "app", name);
    const lines = out.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^REVISION +WHEN +BY +CAUSE +CHANGED$/);
    const rows = lines.slice(1).map((line) => line.split(/ {2,}/));
    expect(rows.map(([revision, , , cause, changed]) => [revision, cause, changed])).toEqual([
      ["4", "rollback to 1", "command"],
      ["3", "apply", "command, labels"],
      ["2", "apply", "labels, command"],
      ["1", "apply", "everything: it is the first"],
    ]);
    for (const [, when, by] of rows) {
      expect(when).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(by).toMatch(/^\S.* \(127\.0\.0\.1:\d+\)$/);
    }
  });

  it("tells the shipped defaults and their authors too", async () => {
    const { out } = await manager.flmctl("history", "app", "flmrun");
    expect(out).toMatch(/^1 +\S+ +defaults\/flmrun\.yaml +seed /m);
  });

  it("tells who unregistered an application, also when another one has its name", async () => {
    const user = userInfo().username;
    await manager.flmctl("unregister", "app", name, "--force");
    const gone = (await manager.flmctl("history", "app", name)).out.trimEnd().split("\n");
    const end = `^- +\\S+Z +${user} \\(127\\.0\\.0\\.1:\\d+\\) +unregister +gone with its revisions, the last was 3$`;
    expect(gone).toEqual([expect.stringMatching(/^REVISION/), expect.stringMatching(end)]);
    await apply("{ command: /bin/new }");
    const { out } = await manager.flmctl("history", "app", name);
    expect(out.trimEnd().split("\n").slice(1)).toEqual([
      expect.stringMatching(`^1 +\\S+Z +${user} \\(127.* apply `),
      expect.stringMatching(end),
    ]);
    const { out: json } = await manager.flmctl("history", "app", name, "-o", "json");
    expect(JSON.parse(json)).toMatchObject([
      { revision: 1, cause: "apply", author: expect.stringContaining(user) },
      { revision: 3, cause: "unregister", author: expect.stringContaining(user) },
    ]);
    expect((await manager.flmctl("rollback", "app", name)).err).toContain("nothing to roll back");
  });

  it("tells it of the published call too, and that there are no revisions to go back to", async () => {
    await manager.flmctl("unregister", name);
    expect((await manager.flmctl("history", "app", name)).out).toContain(" unregister ");
    const { code, err } = await manager.flmctl("view", "app", name, "--revision", "1");
    expect([code, err]).toEqual([1, expect.stringContaining("not found: it was unregistered")]);
  });

  it("has every change whole in JSON", async () => {
    const { out } = await manager.flmctl("history", "app", name, "-o", "json");
    const revisions = JSON.parse(out) as object[];
    expect(revisions).toHaveLength(3);
    expect(revisions[0]).toMatchObject({
      revision: 3,
      cause: "apply",
      restored: null,
      forced: false,
      origin: "api",
      changes: [
        { path: "command", before: "/bin/2", after: "/bin/3" },
        { path: "labels", before: ["two"], after: null },
      ],
    });
  });

  it.each([
    [["history"], "unsupported parameters: no application"],
    [["history", "node", "x"], 'unsupported parameters: got "node"'],
    [["history", "app", "nope"], 'Error: application "nope" not found'],
    [["rollback", "app"], "unsupported parameters: no application"],
    [["rollback", "app", "nope"], 'Error: application "nope" not found'],
    [["view", "app", "nope", "--revision", "1"], 'Error: application "nope" not found'],
    [["view", "node", "n", "--revision", "1"], "unsupported parameters: --revision of a node"],
  ])("refuses %p", async (argv, text) => {
    const { code, out, err } = await manager.flmctl(...argv);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain(text);
  });
});

describe("flmctl view app --revision", () => {
  it("shows what it changed and its manifest, in every form", async () => {
    const { out } = await manager.flmctl("view", "app", name, "--revision", "2");
    expect(out).toMatch(/^Name: +history-\d+\nRevision: +2\nTime: .*Z\nBy: +\S.* \(127/);
    expect(out).toContain(
      "Cause:         apply\nChanged:\n  + labels:\n  +   - two\n  - command: /bin/1\n  + command: /bin/2\nManifest:\n  metadata:\n",
    );
    const { out: yaml } = await manager.flmctl(
      "view",
      "app",
      name,
      "--revision",
      "1",
      "-o",
      "yaml",
    );
    expect(yaml).toBe(`metadata:\n  name: ${name}\nspec:\n  command: /bin/1\n`);
    const { out: json } = await manager.flmctl("view", "-a", name, "--revision", "1", "-o", "json");
    expect(JSON.parse(json)).toEqual({ metadata: { name }, spec: { command: "/bin/1" } });
  });

  it("names the revisions that there are", async () => {
    const { code, err } = await manager.flmctl("view", "app", name, "--revision", "9");
    expect(code).toBe(1);
    expect(err).toContain(`has no revision 9: kept are 1, 2, 3`);
    expect((await manager.flmctl("view", "app", name, "--revision", "x")).code).toBe(2);
  });
});

describe("flmctl rollback", () => {
  it("goes back to the revision before the present", async () => {
    const { code, out } = await manager.flmctl("rollback", "app", name);
    expect(code).toBe(0);
    expect(out).toBe(
      `application/${name} rolled back to revision 2, as revision 4\n  + labels:\n  +   - two\n  - command: /bin/3\n  + command: /bin/2\n`,
    );
    expect(await manifest()).toContain("command: /bin/2");
  });

  it("goes back to any that is kept, and shows it before", async () => {
    const dry = await manager.flmctl("rollback", "app", name, "--to", "1", "--dry-run");
    expect(dry.out).toBe(
      `application/${name} would be rolled back to revision 1\n  - command: /bin/3\n  + command: /bin/1\n`,
    );
    expect(await manifest()).toContain("command: /bin/3");
    expect((await manager.flmctl("rollback", "app", name, "--to", "1")).code).toBe(0);
    expect(await manifest()).toContain("command: /bin/1");
    expect((await manager.flmctl("rollback", "app", name, "--to", "1")).out).toBe(
      `application/${name} unchanged: revision 4 is as revision 1 was\n`,
    );
  });

  it("says which revisions there are, and when there is nothing to go back to", async () => {
    expect((await manager.flmctl("rollback", "app", name, "--to", "9")).err).toContain(
      "kept are 1-3",
    );
    const { err } = await manager.flmctl("rollback", "app", "flmexec");
    expect(err).toContain("there is nothing to roll back to");
  });
});

describe("flmctl view app", () => {
  it("shows who set what, and where a default differs from the shipped one", async () => {
    const { out: shipped } = await manager.flmctl("view", "app", "flmping");
    expect(shipped).toMatch(/^Default: +as shipped$/m);
    const { out: before } = await manager.flmctl("get", "app", "flmping");
    const stdin = before.replace("shim: Host\n", "shim: Host\n  max_instances: 4\n");
    await flmctlIn(manager, { stdin }, "apply", "-f", "-", "--owner", "ci/deploy");
    const { out } = await manager.flmctl("view", "app", "flmping");
    expect(out).toMatch(
      /^State: +Enabled\nRevision: +2, apply by \S.* at \S+Z\nOwner: +ci\/deploy\nOpen Sessions: 0$/m,
    );
    expect(out).toContain("  command: set by defaults/flmping.yaml (default)\n");
    expect(out).toMatch(/^ {2}max_instances: set by .* \(file\)$/m);
    expect(out).toMatch(/^Default: +differs:.*\n {2}\+ max_instances: 4\n/m);
    expect((await manager.flmctl("list", "app")).out).toMatch(/^flmping .* edited$/m);
    expect((await manager.flmctl("view", "-a", "flmping")).out).not.toContain("Owner");
  });
});
