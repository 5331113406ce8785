import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { knownSchemas, schemaNames } from "../../../src/cli/flmctl/manifests/known-schemas.ts";
import { everythingBelow, findPlace } from "../../../src/cli/flmctl/manifests/schema-path.ts";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import { fakeContext } from "./tools.ts";

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const context = fakeContext();
  const code = await flmctl(argv, context);
  expect(context.configs).toEqual([]);
  return { code, out: context.out(), err: context.err() };
}

describe("flmctl explain", () => {
  it("tells type, limits, default, example and description of a key", async () => {
    const { out } = await run("explain", "application.spec.url");
    const { url } = (knownSchemas.application.properties?.["spec"]?.properties ?? {}) as Record<
      string,
      { description?: string }
    >;
    expect(out).toBe(
      [
        "application.spec.url",
        "",
        "Type:      text",
        "Limits:    at most 4096 characters",
        "Required:  no",
        "Default:   none",
        "Example:   file:///opt/example/my_app-1.0-py3-none-any.whl",
        "",
        url?.description,
        "",
      ].join("\n"),
    );
  });

  it.each([
    ["application.spec.shim", 'Limits:    one of Host, Wasm\nRequired:  no\nDefault:   "Host"'],
    ["application.spec.max_instances", "Type:      whole number\nLimits:    0 to 4294967295\n"],
    [
      "application.spec.labels",
      "Type:      list of text\nLimits:    at most 256 entries; each entry at most 256 characters\n",
    ],
    [
      "application.spec.environments",
      "each name a name of at least one character, without '=' and NUL",
    ],
    [
      "application.spec.environments.PATH",
      "application.spec.environments.PATH\n\nType:      text\n",
    ],
    [
      "application.spec.environments.<name>",
      "application.spec.environments.<name>\n\nType:      text\n",
    ],
    ["application.spec.schema.input", "JSON Schema text of a task's input."],
    ["application.metadata.name", "Required:  yes"],
    ["app.spec", "application.spec\n\nType:      mapping\n"],
    [
      "cluster.cluster.schedule_interval",
      "Type:      whole number or text\nLimits:    milliseconds, or a duration such as 500ms",
    ],
    ["cluster.cluster.plugins", "  name     text, required "],
    [
      "client.contexts[0].cluster.endpoint",
      "client.contexts.cluster.endpoint\n\nType:      text\n",
    ],
    ["client.contexts.cluster.tls.ca_file", "PEM file with the authority to trust."],
  ])("explains %s", async (path, text) => {
    const { code, out } = await run("explain", path);
    expect(code).toBe(0);
    expect(out).toContain(text);
  });

  it.each([
    [
      "application.spec.ulr",
      'application.spec: got the unknown key "ulr", expected one of shim, image',
      'did you mean "application.spec.url"?',
    ],
    [
      "spec.url",
      "expected a path that begins with application, cluster, client",
      'did you mean "application.spec.url"?',
    ],
    ["url", "expected a path that begins with", 'did you mean "application.spec.url"?'],
    [
      "aplication.spec.url",
      "expected a path that begins with",
      'did you mean "application.spec.url"?',
    ],
    ["application.url", "expected one of metadata, spec", 'did you mean "application.spec.url"?'],
    [
      "cluster.endpoint",
      "expected one of cluster, cache",
      'did you mean "cluster.cluster.endpoint" or "cluster.cache.endpoint"?',
    ],
    ["application.spec.url.host", "expected no key: it is no mapping", ""],
    ["", "expected a path that begins with", ""],
    ["application.", 'got the unknown key ""', ""],
    ["application.__proto__", 'got the unknown key "__proto__"', ""],
  ])("refuses %p, and says what was meant", async (path, text, hint) => {
    const { code, out, err } = await run("explain", path);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^Error: /);
    expect(err).toContain(text);
    expect(err).toContain(hint);
  });

  it("prints a tree with -r", async () => {
    const { out } = await run("explain", "application", "-r");
    const lines = out.split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "application  mapping",
      "  metadata  mapping, required",
      "    name  text, required",
      "  spec  mapping, required",
    ]);
    expect(lines).toContain("      <name>  text");
    expect(lines).toContain("      common_data  text");
  });

  it.each(schemaNames)("finds everything in %s by its path", (name) => {
    const places = [...everythingBelow(findPlace(name))];
    expect(places.length).toBeGreaterThan(10);
    for (const { path } of places) expect(findPlace(path).path).toBe(path);
  });

  it("needs a path", async () => {
    expect((await run("explain")).code).toBe(2);
  });
});

describe("flmctl schema", () => {
  it.each(schemaNames)("prints that of %s", async (name) => {
    const file = join(import.meta.dirname, `../../../schemas/${name}.schema.json`);
    const { out } = await run("schema", name);
    expect(JSON.parse(out)).toEqual(JSON.parse(readFileSync(file, "utf8")));
  });

  it("refuses others", async () => {
    expect(await run("schema", "task")).toMatchObject({ code: 2, out: "" });
  });
});
