import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { flmctlIn } from "../../support/flmctl-in.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";

let manager: ManagerUnderTest;
beforeAll(async () => {
  manager = await startManager();
});
afterAll(() => manager.close());

let number = 0;
/** A name that no other test has used. */
let name: string;
beforeEach(() => {
  name = `app-${++number}`;
});

const manifest = (of: string, spec = "{ command: a }"): string =>
  `metadata: { name: ${of} }\nspec: ${spec}\n`;
const names = async (): Promise<string[]> =>
  (await manager.flmctl("list", "app", "-o", "name")).out.trim().split("\n");

describe("flmctl apply", () => {
  it("creates, configures and leaves alone, and says which", async () => {
    const path = manager.file("one.yaml", `${manifest(name)}---\n${manifest(`${name}-b`)}`);
    expect(await manager.flmctl("apply", "-f", path)).toEqual({
      code: 0,
      out: `application/${name} created\napplication/${name}-b created\n`,
      err: "",
    });
    manager.file("one.yaml", `${manifest(name, "{ command: x }")}---\n${manifest(`${name}-b`)}`);
    expect((await manager.flmctl("apply", "-f", path)).out).toBe(
      `application/${name} configured\napplication/${name}-b unchanged\n`,
    );
  });

  it("takes several files, a folder in the order of its names, and standard input", async () => {
    const folder = join(manager.home, name);
    mkdirSync(join(folder, "deeper"), { recursive: true });
    writeFileSync(join(folder, "2.yml"), manifest(`${name}-2`));
    writeFileSync(join(folder, "1.yaml"), manifest(`${name}-1`));
    writeFileSync(
      join(folder, "3.json"),
      `{"metadata":{"name":"${name}-3"},"spec":{"command":"x"}}`,
    );
    writeFileSync(join(folder, ".hidden.yaml"), "not: a manifest");
    writeFileSync(join(folder, "notes.txt"), "not a manifest");
    writeFileSync(join(folder, "deeper/4.yaml"), manifest(`${name}-4`));
    symlinkSync(folder, join(folder, "deeper/back"));
    const more = manager.file("more.yaml", manifest(`${name}-5`));
    const stdin = manifest(`${name}-6`);
    const { out } = await flmctlIn(
      manager,
      { stdin },
      "apply",
      "-f",
      folder,
      "-f",
      more,
      "-f",
      "-",
    );
    const created = [1, 2, 3, 5, 6].map((n) => `application/${name}-${n} created\n`);
    expect(out).toBe(created.join(""));
    expect((await manager.flmctl("apply", "-R", "-f", folder)).out).toContain(
      `application/${name}-3 unchanged\napplication/${name}-4 created\n`,
    );
  });

  it("with one bad document changes nothing, and shows every fault in its line", async () => {
    const text = `${manifest(name)}---\nmetadata:\n  name: ${name}-b\nspec:\n  comand: x\n  shim: Docker\n`;
    const path = manager.file("bad.yaml", text);
    const { code, out, err } = await manager.flmctl("apply", "-f", path);
    expect([code, out]).toEqual([1, ""]);
    const lines = err.trimEnd().split("\n");
    expect(lines[0]).toMatch(/bad\.yaml:7:3: spec\.comand: got .*did you mean "command"\?$/);
    expect(lines.slice(1, 3)).toEqual(["    7 |   comand: x", "      |   ^"]);
    expect(lines[3]).toContain(`${path}:8:9: spec.shim: got "Docker"`);
    expect(lines.slice(4)).toEqual([
      "    8 |   shim: Docker",
      "      |         ^",
      "Error: 2 faults in 2 documents; nothing was sent",
    ]);
    expect(await names()).not.toContain(name);
  });

  it("with --continue-on-error applies the others, and fails all the same", async () => {
    const text = `${manifest(name)}---\n${manifest(`${name}-b`, "{ comand: x }")}---\n${manifest(`${name}-c`, "{ url: http://h/x.whl, command: x }")}`;
    const path = manager.file("some.yaml", text);
    const { code, out, err } = await manager.flmctl("apply", "--continue-on-error", "-f", path);
    expect([code, out]).toEqual([1, `application/${name} created\n`]);
    expect(err).toContain(`${path}:5:9: spec.comand`);
    expect(err).toMatch(
      new RegExp(`${path}:7:19: application/${name}-c refused: .*8:14: spec\\.url: `),
    );
    expect(err).toMatch(/Error: 2 documents of 3 refused; the others were applied/);
  });

  it("gives what only the cluster refuses its place in the file", async () => {
    const good = manifest(name, "{ command: x, delay_release: 5 }");
    const text = `${good}---\n# the package comes over the net\n${manifest(`${name}-b`, "{ url: http://h/x.whl, command: x }")}`;
    const path = manager.file("refused.yaml", text);
    const { code, out, err } = await manager.flmctl("apply", "-f", path);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(
      new RegExp(
        `^${path}:5:19: application/${name}-b refused: .*6:14: spec\\.url: .*expected file://`,
      ),
    );
    expect(err).toMatch(/Error: 1 document of 2 refused; nothing was changed\n$/);
    expect(await names()).not.toContain(name);
  });

  it("says what to do when it is more than goes in one step", async () => {
    const spec = `{ command: x, description: ${"x".repeat(60_000)} }`;
    const files = [0, 1, 2, 3, 4].map((file) => {
      const names = Array.from({ length: 60 }, (_, n) => `${name}-${file}-${n}`);
      return manager.file(`big-${file}.yaml`, names.map((of) => manifest(of, spec)).join("---\n"));
    });
    const argv = files.flatMap((file) => ["-f", file]);
    for (const verb of ["apply", "diff"]) {
      const { out, err } = await manager.flmctl(verb, ...argv);
      expect(out).toBe("");
      expect(err).toMatch(
        /^Error: 300 documents are more than the session manager takes in one step \(.*\); name fewer files\n$/,
      );
    }
  });

  it("names both places of a name that comes twice, before anything is sent", async () => {
    const path = manager.file("twice.yaml", `${manifest(name)}---\n${manifest(name)}`);
    const { code, err } = await manager.flmctl("apply", "-f", path);
    expect(code).toBe(1);
    expect(err).toContain(
      `${path}:4:19: metadata.name: got "${name}" again, as at 1:19, expected each application in one document; keep one of them`,
    );
    expect(await names()).not.toContain(name);
  });

  it("dry runs change nothing: on the client without a cluster, on the server telling what would happen", async () => {
    const path = manager.file("dry.yaml", manifest(name));
    const away = { env: { FLAME_ENDPOINT: "http://127.0.0.1:1" } };
    expect(await flmctlIn(manager, away, "apply", "-f", path, "--dry-run=client")).toEqual({
      code: 0,
      out: `application/${name} valid (client dry run)\n`,
      err: "",
    });
    for (const flag of ["--dry-run", "--dry-run=server"]) {
      expect((await manager.flmctl("apply", "-f", path, flag)).out).toBe(
        `application/${name} created (server dry run)\n`,
      );
    }
    expect(await names()).not.toContain(name);
    expect((await manager.flmctl("apply", "-f", path, "--dry-run=maybe")).code).toBe(2);
  });

  it("changes what another keeps by force only", async () => {
    const path = manager.file("owned.yaml", manifest(name));
    await manager.flmctl("apply", "-f", path, "--owner", "ci/deploy");
    manager.file("owned.yaml", manifest(name, "{ command: x }"));
    const refused = await manager.flmctl("apply", "-f", path);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain("is kept by ci/deploy: change it there, or force the change");
    expect((await manager.flmctl("diff", "-f", path)).code).toBe(2);
    expect((await manager.flmctl("diff", "--force", "-f", path)).code).toBe(1);
    expect((await manager.flmctl("apply", "-f", path, "--force")).code).toBe(0);
    expect((await manager.flmctl("history", "app", name)).out).toMatch(
      /^2 .* apply, forced +command$/m,
    );
    expect((await manager.flmctl("unregister", name)).err).toContain("is kept by ci/deploy");
    expect(await manager.flmctl("unregister", "app", name, "--force")).toEqual({
      code: 0,
      out: "",
      err: "",
    });
  });

  it("changes an application while a session is open, which keeps its revision", async () => {
    const path = manager.file("open.yaml", manifest(name));
    await manager.flmctl("apply", "-f", path);
    const { out } = await manager.flmctl("create", "session", name);
    const id = /<(.*)>/.exec(out)?.[1] ?? "";
    manager.file("open.yaml", manifest(name, "{ command: x }"));
    expect((await manager.flmctl("apply", "-f", path)).out).toBe(
      `application/${name} configured\n`,
    );
    expect((await manager.flmctl("view", "session", id)).out).toMatch(/^ Revision: +1 *$/m);
    expect((await manager.flmctl("view", "-s", id)).out).not.toContain("Revision");
    const { out: json } = await manager.flmctl("view", "session", id, "-o", "json");
    expect(JSON.parse(json)).toMatchObject({ application: name, application_revision: 1 });
    expect((await manager.flmctl("unregister", name, "--when-unused")).out).toBe(
      `application/${name} takes no new sessions; it goes when its open ones are closed\n`,
    );
    expect((await manager.flmctl("list", "app")).out).toMatch(
      new RegExp(`^${name} +Disabled .*goes when its sessions are closed$`, "m"),
    );
    const again = await manager.flmctl("diff", "-f", path);
    expect(again).toMatchObject({
      code: 1,
      out: `${path}:1: application/${name} would be enabled again\n`,
    });
    await manager.flmctl("close", "session", id);
    expect(await names()).not.toContain(name);
  });
});

describe("flmctl get", () => {
  it("prints what apply takes back unchanged, the shipped applications and all others", async () => {
    await manager.flmctl(
      "apply",
      "-f",
      manager.file(
        "odd.yaml",
        `metadata: { name: ${name} }\nspec:\n  command: x\n  description: "two\\nlines  \\n"\n  environments: { A: "no", B: "1e3" }\n  labels: []\n  delay_release: 60\n`,
      ),
    );
    const { out } = await manager.flmctl("get", "app");
    const { out: applied, code } = await flmctlIn(manager, { stdin: out }, "apply", "-f", "-");
    expect(code).toBe(0);
    expect(applied).toContain("application/flmrun unchanged\n");
    expect(
      applied
        .trimEnd()
        .split("\n")
        .filter((line) => !line.endsWith(" unchanged")),
    ).toEqual([]);
    expect((await flmctlIn(manager, { stdin: out }, "diff", "-f", "-")).code).toBe(0);
    expect((await manager.flmctl("get", "app", name)).out).not.toContain("max_instances");
  });

  it("prints some as YAML documents, one as a JSON document, several as a list", async () => {
    const { out } = await manager.flmctl("get", "app", "flmrun", "flmping");
    expect(out).toMatch(/^metadata:\n {2}name: flmrun\n[^]*\n---\nmetadata:\n {2}name: flmping\n/);
    const { out: one } = await manager.flmctl("get", "app", "flmrun", "-o", "json");
    expect(JSON.parse(one)).toMatchObject({
      metadata: { name: "flmrun" },
      spec: { installer: "python" },
    });
    expect((await flmctlIn(manager, { stdin: one }, "apply", "-f", "-")).out).toBe(
      "application/flmrun unchanged\n",
    );
    const { out: all } = await manager.flmctl("get", "apps", "-o", "json");
    expect(JSON.parse(all)).toEqual(expect.arrayContaining([JSON.parse(one)]));
  });

  it.each([
    [["get"], "unsupported parameters: nothing to get"],
    [["get", "session"], 'unsupported parameters: got "session"'],
    [["get", "app", "nope"], 'Error: application "nope" not found'],
  ])("refuses %p", async (argv, text) => {
    const { code, err } = await manager.flmctl(...argv);
    expect(code).toBe(1);
    expect(err).toContain(text);
  });
});

describe("flmctl diff", () => {
  it("shows field by field what would change, and tells it by its exit code", async () => {
    const spec = `{ command: /bin/a, arguments: [a, b, c, d, e, f], environments: { A: "1", B: "2" }, description: "x\\ny\\n" }`;
    const path = manager.file("diff.yaml", manifest(name, spec));
    await manager.flmctl("apply", "-f", path);
    expect(await manager.flmctl("diff", "-f", path)).toEqual({ code: 0, out: "", err: "" });
    const changed = `{ labels: [l], command: /bin/b, arguments: [a, b, c, x, d, e, f], environments: { A: "1" }, description: "x\\nz\\n" }`;
    manager.file(
      "diff.yaml",
      `${manifest(name, changed)}---\n${manifest(`${name}-new`, "{ command: c }")}`,
    );
    const { code, out } = await manager.flmctl("diff", "-f", path);
    expect(code).toBe(1);
    expect(out.split("\n")).toEqual([
      `${path}:1: application/${name} would change, from revision 1`,
      "    description: |",
      "      x",
      "  -   y",
      "  +   z",
      "  + labels:",
      "  +   - l",
      "  - command: /bin/a",
      "  + command: /bin/b",
      "    arguments:",
      "    ...",
      "      - b",
      "      - c",
      "  +   - x",
      "      - d",
      "      - e",
      "    ...",
      '  - environments.B: "2"',
      `${path}:4: application/${name}-new would be created`,
      "  + command: c",
      "",
    ]);
    expect(await names()).not.toContain(`${name}-new`);
  });

  it("exits with 2 for faults, for what would be refused, and for no cluster", async () => {
    const faulty = manager.file("faulty.yaml", manifest(name, "{ comand: x }"));
    const refused = manager.file(
      "http.yaml",
      manifest(name, "{ url: http://h/x.whl, command: x }"),
    );
    const good = manager.file("good.yaml", manifest(name));
    expect((await manager.flmctl("diff", "-f", faulty)).code).toBe(2);
    const { code, err } = await manager.flmctl("diff", "-f", refused);
    expect(code).toBe(2);
    expect(err).toContain("1 document of 1 would be refused");
    const away = { env: { FLAME_ENDPOINT: "http://127.0.0.1:1" } };
    expect((await flmctlIn(manager, away, "diff", "-f", good)).code).toBe(2);
  });
});

describe("flmctl list app", () => {
  it("tells in JSON all that the registry knows", async () => {
    await manager.flmctl("apply", "-f", manager.file("j.yaml", manifest(name)), "--owner", "ci");
    const { out } = await manager.flmctl("list", "app", "-o", "json");
    const listed = JSON.parse(out) as { metadata: { name: string }; status: object }[];
    expect(listed.find(({ metadata }) => metadata.name === name)?.status).toMatchObject({
      state: "Enabled",
      revision: 1,
      owner: "ci",
      shipped: false,
      faults: [],
    });
  });
});
