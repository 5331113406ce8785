import { describe, expect, it } from "@jest/globals";
import clusterSchema from "../../../schemas/cluster.schema.json" with { type: "json" };
import checkCluster from "../../../src/config/generated/cluster.ts";
import { deepFreeze, fillDefaults } from "../../../src/documents/defaults.ts";
import { editDistance, nearest } from "../../../src/documents/did-you-mean.ts";
import { faultText, gotText, parsePath, pathText } from "../../../src/documents/fault.ts";

describe("did you mean", () => {
  it("counts single edits, neighbours that changed places included", () => {
    expect(editDistance("url", "url")).toBe(0);
    expect(editDistance("ulr", "url")).toBe(1);
    expect(editDistance("", "abc")).toBe(3);
    expect(editDistance("kitten", "sitting")).toBe(3);
  });

  it("finds the near word, whatever its case and dashes, and no far one", () => {
    const known = ["working_directory", "url", "max_instances", "delay_release"];
    expect(nearest("workingDirectory", known)).toBe("working_directory");
    expect(nearest("uri", known)).toBe("url");
    expect(nearest("max-instance", known)).toBe("max_instances");
    expect(nearest("replicas", known)).toBeUndefined();
    expect(nearest("u".repeat(10_000), known)).toBeUndefined();
  });
});

describe("the text of a fault", () => {
  const fault = { rule: "type", path: "spec.url", got: "7", expected: "a text" };

  it("says where, got, expected and what to do, as far as they are known", () => {
    expect(faultText(fault)).toBe("spec.url: got 7, expected a text");
    expect(faultText({ ...fault, line: 3, column: 8, hint: "quote it" }, "a.yaml")).toBe(
      "a.yaml:3:8: spec.url: got 7, expected a text; quote it",
    );
    expect(faultText({ ...fault, path: "", label: "invalid url" })).toBe(
      "invalid url: got 7, expected a text",
    );
    expect(faultText({ ...fault, path: "", line: 1 })).toBe("1:1: got 7, expected a text");
  });

  it("shows values short, and paths as they are written", () => {
    expect(gotText("x".repeat(1000)).length).toBeLessThan(100);
    expect([gotText(null), gotText([1, 2]), gotText({}), gotText(false)]).toEqual([
      "nothing",
      "a list of 2",
      "a mapping",
      "false",
    ]);
    expect(pathText(["spec", "labels", 2])).toBe("spec.labels[2]");
    expect(pathText(["spec", "environments", "A B"])).toBe('spec.environments["A B"]');
  });
});

describe("defaults", () => {
  it("fill what is missing at every depth, on a copy", () => {
    const schema = {
      properties: {
        a: { default: 1 },
        b: { default: {}, properties: { c: { default: [2] } } },
        d: {},
      },
    };
    const value = deepFreeze({ a: 0, x: "kept" });
    expect(fillDefaults(schema, value)).toEqual({ a: 0, x: "kept", b: { c: [2] } });
    expect(fillDefaults(schema, { b: { c: [] } })).toEqual({ a: 1, b: { c: [] } });
  });

  it("of the cluster configuration pass their own schema", () => {
    const filled = fillDefaults(clusterSchema, {});
    expect(checkCluster(filled)).toBe(true);
  });
});

describe("a path as text", () => {
  it.each([
    [["spec", "labels", 2]],
    [["spec", "environments", "A B"]],
    [["spec", "environments", 'quo"te\\']],
    [[0, "a-b", 1]],
    [[]],
  ])("%j is read back", (path) => {
    expect(parsePath(pathText(path))).toEqual(path);
  });

  it.each(["spec.", ".spec", "a b", "a[", "a[x]", 'a["b]', 'a["\\x"]', "a..b", 'a["b"]'])(
    "%s is none",
    (text) => {
      expect(parsePath(text)).toBeUndefined();
    },
  );
});
