import { describe, expect, it } from "@jest/globals";
import { changesBetween, fieldsOf, manifestOf } from "../../../src/application-registry/fields.ts";
import type { ApplicationManifestSpec } from "../../../src/model/application-spec.ts";

const manifest: ApplicationManifestSpec = {
  command: "/bin/true",
  arguments: ["-a", "-b"],
  environments: { PATH: "/bin", "A.B": "dots", __proto__x: "1" },
  schema: { input: "{}" },
  max_instances: 3,
};

describe("the fields of a manifest", () => {
  it("are its keys, and the entries of its mappings", () => {
    expect([...fieldsOf(manifest).keys()]).toEqual([
      "command",
      "arguments",
      "environments.PATH",
      "environments.A.B",
      "environments.__proto__x",
      "schema.input",
      "max_instances",
    ]);
  });

  it.each([
    ["a full one", manifest],
    ["an empty one", {}],
    ["one with an empty mapping", { environments: {} }],
    ["one with a variable named __proto__", JSON.parse('{"environments":{"__proto__":"x"}}')],
  ])("give %s back", (_what, whole: ApplicationManifestSpec) => {
    expect(JSON.stringify(manifestOf(fieldsOf(whole)))).toBe(JSON.stringify(whole));
  });

  it("that differ are told one by one, removed ones last", () => {
    const after = {
      command: "/bin/false",
      arguments: ["-a", "-b"],
      environments: { PATH: "/bin", NEW: "n" },
      max_instances: 3,
    };
    expect(changesBetween(manifest, after)).toEqual([
      { path: "command", before: "/bin/true", after: "/bin/false" },
      { path: "environments.NEW", after: "n" },
      { path: "environments.A.B", before: "dots" },
      { path: "environments.__proto__x", before: "1" },
      { path: "schema.input", before: "{}" },
    ]);
  });
});
