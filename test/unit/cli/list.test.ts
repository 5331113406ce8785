import { describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import { readManifests } from "../../../src/manifest/manifest.ts";
import { application, fakeContext, node, session } from "./tools.ts";

const cluster = {
  listApplications: async () => [
    application({ name: "zeta", spec: { shim: "Wasm", labels: ["a", "b"] } }),
    application(),
  ],
  listSessions: async () => [
    session({ id: "old", state: "Closed" }),
    session(),
    session({ id: "none-Xx0000", application: "none", priority: 7 }),
  ],
  listExecutors: async () => [
    { id: "6f0c1a52", node: "node-1", state: "Bound" as const, sessionId: "flmping-Sf4R2o" },
    { id: "71aa", node: "node-1", state: "Idle" as const },
  ],
  listNodes: async () => [node()],
};

async function printed(...argv: string[]): Promise<string> {
  const context = fakeContext(cluster);
  expect(await flmctl(argv, context)).toBe(0);
  expect(context.err()).toBe("");
  return context.out();
}

describe("flmctl list, published layout", () => {
  it("pads applications by a space on each side and keeps trailing spaces", async () => {
    expect(await printed("list", "-a")).toBe(
      [
        " Name     State    Shim  Tags  Created   Command                           \n",
        " flmping  Enabled  Host  -     20:31:51  ${FLAME_HOME}/bin/flmping-service \n",
        " zeta     Enabled  Wasm  a, b  20:31:51  -                                 \n",
      ].join(""),
    );
  });

  it("shows open sessions before closed ones, each in the server's order", async () => {
    expect(await printed("list", "-s")).toBe(
      [
        " ID              State   App      Resources            Priority  Pending  Running  Succeed  Failed  Created  \n",
        " flmping-Sf4R2o  Open    flmping  cpu=1,mem=1Gi,gpu=0  0         0        1        10       0       20:31:51 \n",
        " none-Xx0000     Open    none     cpu=1,mem=1Gi,gpu=0  7         0        1        10       0       20:31:51 \n",
        " old             Closed  flmping  cpu=1,mem=1Gi,gpu=0  0         0        1        10       0       20:31:51 \n",
      ].join(""),
    );
  });

  it("shows executors and nodes", async () => {
    expect(await printed("list", "-e")).toBe(
      [
        " ID        State  Session         Node   \n",
        " 6f0c1a52  Bound  flmping-Sf4R2o  node-1 \n",
        " 71aa      Idle   -               node-1 \n",
      ].join(""),
    );
    expect(await printed("list", "-n")).toBe(
      [
        " NAME    HOSTNAME  STATUS  CPU  MEMORY  ARCH    OS    \n",
        " node-1  node-1    Ready   8    31Gi    x86_64  linux \n",
      ].join(""),
    );
  });

  it("takes the first of application, session, executor, node when several are given", async () => {
    expect(await printed("list", "-n", "-e", "-s", "-a")).toContain(" Name ");
    expect(await printed("list", "-n", "-e")).toContain(" Session ");
  });
});

describe("flmctl list, natural form", () => {
  it.each(["app", "apps", "application", "applications"])("lists %s", async (word) => {
    expect(await printed("list", word)).toBe(
      [
        "NAME     STATE    SHIM  TAGS  CREATED               COMMAND\n",
        "flmping  Enabled  Host  -     2026-01-02T20:31:51Z  ${FLAME_HOME}/bin/flmping-service\n",
        "zeta     Enabled  Wasm  a, b  2026-01-02T20:31:51Z  -\n",
      ].join(""),
    );
  });

  it("tells people how long ago", async () => {
    const context = fakeContext(cluster, { interactive: true });
    await flmctl(["list", "app"], context);
    expect(context.out()).toContain("3m ago");
  });

  it("adds columns with -o wide and prints names alone with -o name", async () => {
    expect(await printed("list", "app", "-o", "wide")).toMatch(/^NAME .* URL +INSTALLER\n/);
    expect(await printed("list", "session", "-o", "name")).toBe(
      "flmping-Sf4R2o\nnone-Xx0000\nold\n",
    );
  });

  it("prints JSON with published keys and YAML that register takes", async () => {
    const [first] = JSON.parse(await printed("list", "session", "-o", "json")) as object[];
    expect(Object.keys(first ?? {}).slice(0, 5)).toEqual([
      "id",
      "application",
      "common_data",
      "creation_time",
      "state",
    ]);
    expect(first).toMatchObject({ creation_time: 1767385911, succeed: 10 });
    const manifests = readManifests(await printed("list", "app", "-o", "yaml"));
    expect(manifests).toMatchObject([
      { ok: true, name: "flmping", manifest: { max_instances: 1_000_000 } },
      { ok: true, name: "zeta", manifest: { shim: "Wasm", labels: ["a", "b"] } },
    ]);
  });

  it("keeps control characters of a server away from the terminal", async () => {
    const context = fakeContext({
      listApplications: async () => [application({ spec: { command: "\u001b[2J\nx" } })],
    });
    await flmctl(["list", "app"], context);
    expect(context.out()).not.toContain("\u001b");
    expect(context.out().split("\n")).toHaveLength(3);
  });
});

describe("flmctl list, wrong command lines", () => {
  it("refuses to list nothing, as published, with exit code 1", async () => {
    const context = fakeContext(cluster);
    expect(await flmctl(["list"], context)).toBe(1);
    expect(context.err()).toMatch(/^Error: unsupported parameters: .*\n$/);
    expect(context.configs).toEqual([]);
  });

  it("names the kinds for an unknown word", async () => {
    const context = fakeContext(cluster);
    expect(await flmctl(["list", "pods"], context)).toBe(1);
    expect(context.err()).toContain("app, session, executor, node");
  });

  it.each([
    [["list", "app", "-o", "xml"]],
    [["lst"]],
    [["list", "--nope"]],
    [["list", "app", "x"]],
  ])("ends %p with exit code 2 and says how it is used", async (argv) => {
    const context = fakeContext(cluster);
    expect(await flmctl(argv, context)).toBe(2);
    expect(context.err()).toMatch(/error: /);
    expect(context.out()).toBe("");
  });
});
