import { describe, expect, it } from "@jest/globals";
import { serviceEnvironment } from "../../../src/executor-manager/service-environment.ts";
import { readManifests } from "../../../src/manifest/manifest.ts";
import { VARIABLES_OF_THE_NODE, warningsOf } from "../../../src/manifest/warnings.ts";
import type { ApplicationManifestSpec } from "../../../src/model/application-spec.ts";

const rules = (manifest: ApplicationManifestSpec): readonly string[] =>
  warningsOf({ command: "/bin/x", ...manifest }).map(({ rule, at }) => `${rule} ${at.join(".")}`);

describe("warnings about a manifest", () => {
  it.each<[string, ApplicationManifestSpec, string[]]>([
    ["nothing odd", { labels: ["a", "b"], environments: { A_1: "x", __proto__x: "y" } }, []],
    ["no instances", { max_instances: 0 }, ["no-instances spec.max_instances"]],
    ["one instance", { max_instances: 1 }, []],
    ["a bare name", { command: "python3" }, []],
    ["an absolute path", { command: "/opt/my app/run" }, []],
    ["a variable", { command: "${FLAME_HOME}/bin/x" }, []],
    ["a path below", { command: "bin/x" }, ["relative-command spec.command"]],
    ["a path from here", { command: "./x" }, ["relative-command spec.command"]],
    ["a home", { command: "~/x" }, ["relative-command spec.command"]],
    ["a command line", { command: "python main.py" }, ["command-line spec.command"]],
    ["a line with a path", { command: "/usr/bin/uv run -n x" }, ["command-line spec.command"]],
    ["a Wasm one below", { shim: "Wasm", command: "x/y.wasm" }, []],
    ["a Wasm one without", { shim: "Wasm", command: "" }, ["missing-command spec.command"]],
    ["an empty label", { labels: ["a", " "] }, ["empty-label spec.labels.1"]],
    [
      "labels again and again",
      { labels: ["a", "b", "a", "a"] },
      ["repeated-label spec.labels.2", "repeated-label spec.labels.3"],
    ],
    [
      "variables that no shell knows",
      { environments: { "BAD NAME": "1", "1A": "2", "A-B": "3", é: "4" } },
      ["1A", "A-B", "BAD NAME", "é"].map((name) => `variable-name spec.environments.${name}`),
    ],
    [
      "a variable of the node",
      { environments: { FLAME_HOME: "/x" } },
      ["variable-of-node spec.environments.FLAME_HOME"],
    ],
  ])("of %s", (_what, manifest, expected) => {
    expect([...rules(manifest)].sort()).toEqual([...expected].sort());
  });

  it("say where a relative command is looked for", () => {
    const hint = (working_directory?: string): string | undefined =>
      warningsOf({ command: "./x", ...(working_directory && { working_directory }) })[0]?.hint;
    expect(hint()).toBe(
      "it is looked for in the new, empty folder that each service starts in, where it cannot be",
    );
    expect(hint("/opt/app")).toBe("it is looked for in /opt/app of the node");
  });

  it("have the place of what they are about", () => {
    const [result] = readManifests(
      'metadata: {name: a}\nspec:\n  command: x\n  environments:\n    "BAD NAME": x\n  labels: [a, a]\n',
    );
    if (result?.ok !== true) throw new Error("refused");
    expect(result.warnings.map(({ path, line, column }) => [path, line, column])).toEqual([
      ['spec.environments["BAD NAME"]', 5, 5],
      ["spec.labels[1]", 6, 15],
    ]);
  });

  it("name exactly the variables that a service always gets from its node", () => {
    const environment = (application: Readonly<Record<string, string>>) =>
      serviceEnvironment({
        inherited: { PATH: "/bin" },
        application,
        packageVariables: { paths: {}, values: {} },
        flameHome: "/flame",
        logLevel: "info",
        socketPath: "/s",
        tasksPath: "/s",
        clusterEndpoint: "http://h",
        temporary: "/t",
      });
    const names = Object.keys(environment({}));
    const set = environment(Object.fromEntries(names.map((name) => [name, "application"])));
    const lost = names.filter((name) => set[name] !== "application");
    expect(lost.sort()).toEqual([...VARIABLES_OF_THE_NODE].sort());
  });
});
