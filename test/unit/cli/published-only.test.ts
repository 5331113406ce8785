import { describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import { readManifests } from "../../../src/manifest/manifest.ts";
import { application, fakeContext, session } from "./tools.ts";

const stdin = "metadata: { name: a }\nspec: { command: x }\n";

/** A session manager of another make: it serves the published calls alone. */
async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const removed: string[] = [];
  const cluster = {
    listApplications: async () => [application({ name: "zeta", spec: {} }), application()],
    getApplication: async () => application(),
    getSession: async () => session(),
    unregisterApplication: async (name: string) => void removed.push(name),
  };
  const context = fakeContext(cluster, { stdin });
  const code = await flmctl(argv, context);
  return { code, out: context.out() + removed.join(), err: context.err() };
}

describe("flmctl beside a session manager without the registry's own service", () => {
  it.each([
    [
      ["apply", "-f", "-"],
      "use flmctl register for new applications and flmctl update for others",
      1,
    ],
    [["apply", "-f", "-", "--dry-run"], "use flmctl register", 1],
    [["diff", "-f", "-"], "use flmctl register", 2],
    [
      ["edit", "app", "flmping"],
      "use flmctl view app NAME -o yaml, an editor, and flmctl update -f",
      1,
    ],
    [["history", "app", "flmping"], "there is no history", 1],
    [["rollback", "app", "flmping"], "there is nothing to roll back to", 1],
    [["view", "app", "flmping", "--revision", "1"], "leave --revision out", 1],
    [["unregister", "flmping", "--force"], "use flmctl unregister without --force", 1],
    [["list", "app", "--watch"], "repeat flmctl list app", 1],
  ])("says what serves instead of %p", async (argv, instead, exitCode) => {
    const { code, out, err } = await run(...argv);
    expect([code, out]).toEqual([exitCode, ""]);
    expect(err).toMatch(/^Error: this needs a session manager that serves flame.registry.v1/);
    expect(err).toContain(instead);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  it("gets applications over the published calls", async () => {
    const { code, out } = await run("get", "app");
    expect(code).toBe(0);
    expect(readManifests(out).map(({ name }) => name)).toEqual(["flmping", "zeta"]);
    expect(readManifests((await run("get", "app", "flmping")).out)[0]).toMatchObject({ ok: true });
  });

  it("lists, views and unregisters as ever", async () => {
    expect((await run("list", "app")).out).toMatch(/ COMMAND\n/);
    expect((await run("view", "app", "flmping")).out).not.toContain("Revision");
    expect((await run("view", "session", "x")).out).not.toContain("Revision");
    expect(await run("unregister", "flmping")).toEqual({ code: 0, out: "flmping", err: "" });
  });

  it("checks files on the client", async () => {
    expect(await run("apply", "-f", "-", "--dry-run=client")).toEqual({
      code: 0,
      out: "application/a valid (client dry run)\n",
      err: "",
    });
  });
});
