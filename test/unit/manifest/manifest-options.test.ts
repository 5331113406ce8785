import { describe, expect, it } from "@jest/globals";
import {
  type CheckedManifest,
  checkManifest,
  type FaultyManifest,
  type ManifestOptions,
  readManifests,
} from "../../../src/manifest/manifest.ts";
import { wireText } from "../../../src/manifest/manifest-fault.ts";

function read(text: string, options?: ManifestOptions): CheckedManifest {
  const [first] = readManifests(text, options);
  if (first?.ok !== true) throw new Error(JSON.stringify(first?.faults));
  return first;
}

function faultsOf(text: string, options?: ManifestOptions): FaultyManifest["faults"] {
  const faulty = readManifests(text, options).find((result) => !result.ok);
  if (faulty?.ok !== false) throw new Error("the manifest was accepted");
  return faulty.faults;
}

/** `rule path line:column` of every fault. */
const brief = (text: string, options?: ManifestOptions): string[] =>
  faultsOf(text, options).map((f) => `${f.rule} ${f.path} ${f.line}:${f.column}`);

describe("options of the pipeline", () => {
  const at = (line: string): string => `metadata: {name: a}\nspec:\n  ${line}\n  command: x\n`;

  it("replace a leading FLAME_HOME only for files that the server reads", () => {
    const flameHome = "/srv/flame";
    expect(
      read(at("working_directory: ${FLAME_HOME}/work/x"), { flameHome }).spec.working_directory,
    ).toBe("/srv/flame/work/x");
    expect(read(at("working_directory: ${FLAME_HOME}"), { flameHome }).spec.working_directory).toBe(
      "/srv/flame",
    );
    expect(brief(at("working_directory: ${FLAME_HOMEX}/x"), { flameHome })).toHaveLength(1);
    expect(faultsOf(at("working_directory: ${FLAME_HOME}/x"))[0]?.hint).toContain(
      "only manifests that the server reads",
    );
  });

  it("allow http and https only when they are listed", () => {
    const allowedSchemes = ["https"];
    expect(read(at("url: https://h/x.whl"), { allowedSchemes }).spec.url).toBe("https://h/x.whl");
    expect(brief(at("url: http://h/x.whl"), { allowedSchemes })).toEqual([
      "url-scheme spec.url 3:8",
    ]);
  });
});

describe("faults over the wire", () => {
  const wire = (name: string, spec: object): FaultyManifest => {
    const result = checkManifest({ metadata: { name }, spec });
    if (result.ok) throw new Error("accepted");
    return result;
  };

  it("tell the ones of the name from all others, which come first", () => {
    const both = wire("..", {
      url: "ftp://x/y",
      schema: { output: "{", input: "" },
      working_directory: "x",
    });
    expect(both.faults.map((fault) => fault.kind).sort()).toEqual([
      "argument",
      "argument",
      "argument",
      "argument",
      "name",
    ]);
    expect(wireText(both.faults)).toMatch(
      /^invalid input schema: .*; invalid output schema: .*; invalid working_directory: .*; invalid url: .*; invalid application name: /,
    );
    expect(wire("a/b", {}).faults.map((fault) => fault.kind)).toEqual(["name"]);
  });

  it("begin as the published texts do and have no place in a text", () => {
    expect(wireText(wire("a", { schema: { common_data: "x" } }).faults)).toBe(
      'invalid common data schema: got "x", expected a JSON Schema as JSON text',
    );
    expect(wireText(wire("a", { url: "s3://b/k" }).faults)).toBe(
      'invalid url: got "s3://b/k", expected file://, grpc:// or grpcs://',
    );
    expect(wire("a", { url: "s3://b/k" }).faults[0]).not.toHaveProperty("line");
  });

  it("are cut before they outgrow a header", () => {
    const spec = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key${i}`, 1]));
    expect(wireText(wire("a", spec).faults)).toMatch(/; and 42 more$/);
  });

  it("keep a manifest small enough to travel whole", () => {
    const big = Array.from({ length: 60 }, () => "x".repeat(30_000));
    expect(wire("a", { arguments: big }).faults[0]?.rule).toBe("manifest-too-large");
  });
});
