import { describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import type { Application } from "../../../src/client/index.ts";
import { readManifests } from "../../../src/manifest/manifest.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { application, fakeContext, node, session, task } from "./tools.ts";

const full: Application["spec"] = {
  shim: "Host",
  image: "img",
  description: "what it does",
  labels: ["a", "b"],
  command: "/bin/x",
  arguments: ["-m", "x"],
  environments: { KEY: "value" },
  working_directory: "/work",
  max_instances: 5,
  delay_release: 3900,
  schema: { input: '{"type":"object"}', output: '{"type":["string","null"]}' },
  url: "file:///opt/x.whl",
  installer: "python",
};
const event = { code: 1001, message: "failed to bind session", time: new Date(1_767_385_911_045) };
const cluster = {
  getApplication: async (name: string) => {
    if (name === "full") return application({ name, spec: full });
    if (name === "flmping") return application();
    throw new FlameError("not_found", `application ${name} not found`);
  },
  getSession: async () => session({ events: [event], commonData: Buffer.from("xyz") }),
  getTask: async () => task({ state: "Failed", events: [{ ...event, code: 3, message: "boom" }] }),
  listTasks: async function* () {
    yield task({ id: "10" });
    yield task({ id: "9", input: Buffer.from("in"), output: Buffer.from([0xff]) });
  },
  getNode: async () => node(),
};

async function printed(...argv: string[]): Promise<string> {
  const context = fakeContext(cluster);
  expect(await flmctl(argv, context)).toBe(0);
  return context.out();
}

describe("flmctl view of an application", () => {
  it("has the published layout", async () => {
    expect(await printed("view", "-a", "full")).toBe(
      [
        "Name:          full",
        "Description:   what it does",
        "Shim:          Host",
        "Image:         img",
        "URL:           file:///opt/x.whl",
        "Installer:     python",
        "Labels:",
        "\ta",
        "\tb",
        "Command:       /bin/x",
        "Arguments:",
        "\t-m",
        "\tx",
        "Environments:",
        "\tKEY: value",
        "WorkingDir:    /work",
        "Max Instances: 5",
        "Delay Release: 1h 5m",
        "Schema:",
        "  Input: object",
        "  Output: string|null",
        "  Common Data: -",
        "",
      ].join("\n"),
    );
    expect(await printed("view", "app", "full")).toBe(await printed("view", "-a", "full"));
  });

  it("leaves absent texts empty", async () => {
    expect(await printed("view", "-a", "flmping")).toContain("URL:           \nInstaller:     \n");
  });

  it("prints YAML that register takes and that says the same", async () => {
    const [manifest] = readManifests(await printed("view", "app", "full", "-o", "yaml"));
    expect(manifest).toMatchObject({ ok: true, name: "full", manifest: full });
    const [plain] = readManifests(await printed("view", "app", "flmping", "-o", "yaml"));
    expect(plain).toMatchObject({ ok: true, manifest: application().spec });
    expect(plain).not.toHaveProperty("manifest.url");
  });

  it("prints the server's text on one line when there is none, with exit code 1", async () => {
    const context = fakeContext(cluster);
    expect(await flmctl(["view", "app", "x"], context)).toBe(1);
    expect(context.err()).toBe("Error: application x not found\n");
  });
});

describe("flmctl view of a session", () => {
  it("has the published layout with its events", async () => {
    expect(await printed("view", "-s", "flmping-Sf4R2o")).toBe(
      [
        " Session:        flmping-Sf4R2o                             ",
        " Application:    flmping                                    ",
        " State:          Open                                       ",
        " Resources:      cpu=1,mem=1Gi,gpu=0                        ",
        " Creation Time:  20:31:51                                   ",
        " Tasks:          0 pending, 1 running, 10 succeed, 0 failed ",
        "Events:",
        "  20:31:51.045: failed to bind session (1001)",
        "",
      ].join("\n"),
    );
  });

  it.each(["-o", "--output", "--output-format"])(
    "prints the published JSON with %s json",
    async (flag) => {
      expect(JSON.parse(await printed("view", "-s", "x", flag, "json"))).toMatchObject({
        id: "flmping-Sf4R2o",
        common_data: "xyz",
        events: [{ code: 1001, message: "failed to bind session", creation_time: 1767385911 }],
        tasks: [
          { id: "9", ssn_id: "flmping-Sf4R2o", state: "Succeed", input: "in", output: "\ufffd" },
          { id: "10", input: null, output: null, events: [] },
        ],
        resreq: { cpu: 1, memory: 1073741824, gpu: 0 },
      });
    },
  );

  it("shows one task, by flags and in the natural form", async () => {
    const expected = [
      "Task:          1",
      "Session:       flmping-Sf4R2o",
      "Application:   flmping",
      "State:         Failed",
      "Events:",
      "  20:31:51.045: boom (3)",
      "",
    ].join("\n");
    expect(await printed("view", "-s", "flmping-Sf4R2o", "-t", "1")).toBe(expected);
    expect(await printed("view", "session", "flmping-Sf4R2o", "-t", "1")).toBe(expected);
  });
});

describe("flmctl view of a node", () => {
  it("has the published layout", async () => {
    expect(await printed("view", "-n", "node-1")).toBe(
      [
        "Name:          node-1",
        "Hostname:      node-1",
        "Status:        Ready",
        "Capacity:",
        "  CPU:         8",
        "  Memory:      31Gi",
        "Info:",
        "  Arch:        x86_64",
        "  OS:          linux",
        "",
      ].join("\n"),
    );
  });
});

describe("flmctl view, wrong command lines", () => {
  it.each([[["view"]], [["view", "-t", "1"]], [["view", "app"]], [["view", "pod", "x"]]])(
    "refuses %p as unsupported",
    async (argv) => {
      const context = fakeContext(cluster);
      expect(await flmctl(argv, context)).toBe(1);
      expect(context.err()).toMatch(/^Error: unsupported parameters/);
    },
  );
});
