import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";

let manager: ManagerUnderTest;
const wheel = "file:///opt/example/my-app.whl";

beforeAll(async () => {
  manager = await startManager();
});
afterAll(() => manager.close());

const silence = { code: 0, out: "", err: "" };
const names = async (): Promise<string[]> =>
  (await manager.flmctl("list", "app", "-o", "name")).out.trim().split("\n");

describe("flmctl against a session manager", () => {
  it("lists exactly the three defaults", async () => {
    expect(await names()).toEqual(["flmexec", "flmping", "flmrun"]);
    const { out } = await manager.flmctl("list", "-a");
    expect(out.split("\n")).toHaveLength(5);
    expect(out).toMatch(
      /^ Name +State +Shim +Tags +Created +Command +\n flmexec +Enabled +Host +- /,
    );
  });

  it("registers with and without url, shows what was registered, and unregisters", async () => {
    const two = `metadata: { name: with-url }\nspec: { command: x, url: "${wheel}" }\n---\nmetadata: { name: without }\nspec: { command: x }\n`;
    expect(await manager.flmctl("register", "-f", manager.file("two.yaml", two))).toEqual(silence);
    expect(await names()).toEqual(["flmexec", "flmping", "flmrun", "with-url", "without"]);
    expect((await manager.flmctl("view", "-a", "with-url")).out).toContain(
      `URL:           ${wheel}\n`,
    );
    expect((await manager.flmctl("view", "app", "without", "-o", "yaml")).out).not.toContain("url");
    expect(await manager.flmctl("unregister", "with-url")).toEqual(silence);
    expect(await manager.flmctl("unregister", "-a", "without")).toEqual(silence);
    expect(await names()).toEqual(["flmexec", "flmping", "flmrun"]);
  });

  it("prints YAML that registers the same application again", async () => {
    const { out: shown } = await manager.flmctl("view", "app", "flmexec", "-o", "yaml");
    const copy = manager.file("copy.yaml", shown.replace("name: flmexec", "name: copy"));
    expect(await manager.flmctl("register", "-f", copy)).toEqual(silence);
    const again = await manager.flmctl("view", "app", "copy", "-o", "yaml");
    expect(again.out).toBe(shown.replace("name: flmexec", "name: copy"));
    await manager.flmctl("unregister", "copy");
  });

  it("keeps an edited default over a restart", async () => {
    const { out } = await manager.flmctl("view", "app", "flmping", "-o", "yaml");
    const edited = manager.file(
      "flmping.yaml",
      out.replace(/delay_release: \d+/, "delay_release: 3900"),
    );
    expect(await manager.flmctl("update", "-f", edited)).toEqual(silence);
    await manager.restart();
    const { out: after } = await manager.flmctl("view", "-a", "flmping");
    expect(after).toContain("Delay Release: 1h 5m\n");
  });

  it("creates, shows, closes and deletes a session", async () => {
    const created = await manager.flmctl(
      "create",
      "-a",
      "flmping",
      "-p",
      "7",
      "-r",
      "cpu=2,mem=1g",
    );
    const id = /^Session <(flmping-\w{6})> was created\.\n$/.exec(created.out)?.[1] ?? "";
    expect((await manager.flmctl("list", "session")).out).toMatch(
      new RegExp(`\\n${id} +Open +flmping +cpu=2,mem=1Gi,gpu=0 +7 `),
    );
    expect((await manager.flmctl("unregister", "flmping")).err).toMatch(/^Error: .*open/);
    expect((await manager.flmctl("delete", "-s", id)).code).toBe(1);
    expect((await manager.flmctl("close", "-s", id)).out).toBe(`Session <${id}> was closed.\n`);
    const { out } = await manager.flmctl("view", "session", id, "-o", "json");
    expect(JSON.parse(out)).toMatchObject({ id, state: "Closed", priority: 7, tasks: [] });
    expect((await manager.flmctl("delete", "session", id)).out).toBe(
      `Session <${id}> was deleted.\n`,
    );
  });

  it.each([
    [["view", "app", "nope"], /^Error: .*nope.*not found/],
    [["view", "-s", "nope"], /^Error: .*nope.*not found/],
    [["view", "-n", "nope"], /^Error: .*nope.*not found/],
    [["close", "-s", "nope"], /^Error: /],
    [["create", "-a", "nope"], /^Error: /],
  ])("answers %p with one line and exit code 1", async (argv, line) => {
    const { code, out, err } = await manager.flmctl(...argv);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(line);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  it("refuses a name that is taken, and an update of none", async () => {
    const taken = manager.file("taken.yaml", "metadata: { name: flmrun }\nspec: { command: x }\n");
    expect((await manager.flmctl("register", "-f", taken)).err).toMatch(/^Error: .*already exists/);
    const none = manager.file("none.yaml", "metadata: { name: none }\nspec: { command: x }\n");
    expect((await manager.flmctl("update", "-f", none)).err).toMatch(/^Error: /);
  });

  it("sends nothing of a file with faults, and gives each its place", async () => {
    const path = manager.file(
      "faulty.yaml",
      "metadata: { name: good }\nspec: { command: x }\n---\nmetadata: { name: bad }\nspec:\n  comand: x\n  url: ftp://h/x\n",
    );
    const { code, err } = await manager.flmctl("register", "-f", path);
    expect(code).toBe(1);
    expect(err).toContain(`${path}:6:3: spec.comand`);
    expect(err).toMatch(new RegExp(`${path}:7:8: .*invalid url`));
    expect(await names()).not.toContain("good");
  });

  it("leaves it to the server whether an http url is allowed", async () => {
    const path = manager.file(
      "http.yaml",
      "metadata: { name: h }\nspec: { command: x, url: http://h/x.whl }\n",
    );
    expect((await manager.flmctl("register", "-f", path)).err).toMatch(/^Error: invalid url: /);
  });
});
