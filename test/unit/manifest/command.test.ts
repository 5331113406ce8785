import { describe, expect, it } from "@jest/globals";
import { faultText } from "../../../src/documents/fault.ts";
import { checkManifest, readManifests } from "../../../src/manifest/manifest.ts";

function readFirst(text: string): ReturnType<typeof checkManifest> {
  const [first] = readManifests(text);
  if (first === undefined) throw new Error("no manifest");
  return first;
}

/** `rule path line:column` of every fault. */
function brief(text: string): readonly string[] {
  const result = readFirst(text);
  if (result.ok) return [];
  return result.faults.map((f) => `${f.rule} ${f.path} ${f.line}:${f.column}`);
}

describe("a manifest without a command", () => {
  it("is refused as text, with what to begin with", () => {
    const result = readFirst("metadata:\n  name: flmrun\nspec:\n  max_instances: 4\n");
    expect(result.ok ? [] : result.faults.map((fault) => faultText(fault, "f.yaml"))).toEqual([
      "f.yaml:3:1: spec.command: got nothing, expected the program of the service, which an application of the shim Host starts; a manifest is the whole application, not a change of it: to change one that is registered, begin with what this prints: flmctl get app flmrun",
    ]);
  });

  it.each([
    ["an empty spec", "metadata: {name: a}\nspec: {}\n", ["missing-command spec.command 2:7"]],
    [
      "one that says Host",
      "metadata: {name: a}\nspec:\n  shim: host\n",
      ["missing-command spec.command 2:1"],
    ],
    [
      "an empty command",
      "metadata: {name: a}\nspec:\n  command: ''\n",
      ["missing-command spec.command 3:12"],
    ],
    [
      "blanks as command",
      "metadata: {name: a}\nspec:\n  command: ' \t'\n",
      ["missing-command spec.command 3:12"],
    ],
    [
      "beside other faults",
      "metadata: {name: a}\nspec:\n  labels: 1\n",
      ["missing-command spec.command 2:1", "type spec.labels 3:11"],
    ],
    [
      "a misspelt key, which says enough",
      "metadata: {name: a}\nspec: {comand: x}\n",
      ["unknown-key spec.comand 2:8"],
    ],
    [
      "a key in the wrong place, which says enough",
      "metadata: {name: a}\ncommand: x\nspec: {}\n",
      ["unknown-key command 2:1"],
    ],
    [
      "a value of another type, which says enough",
      "metadata: {name: a}\nspec: {command: [x]}\n",
      ["type spec.command 2:17"],
    ],
    ["a Wasm one is not", "metadata: {name: a}\nspec: {shim: Wasm}\n", []],
    ["one with a command is not", "metadata: {name: a}\nspec: {command: x}\n", []],
  ])("as text: %s", (_what, text, expected) => {
    expect(brief(text)).toEqual(expected);
  });

  it("is accepted as a message, with a warning that says what will happen", () => {
    for (const spec of [{}, { command: "" }, { shim: "Host", labels: ["a"] }]) {
      const result = checkManifest({ metadata: { name: "a" }, spec });
      expect(result).toMatchObject({ ok: true, warnings: [{ rule: "missing-command" }] });
    }
  });

  it("puts no name into a command line that a shell would take for more", () => {
    const result = readFirst('metadata: {name: "x; reboot"}\nspec: {}\n');
    const faults = result.ok ? [] : result.faults;
    expect(faults.map(({ hint = "" }) => hint.split(" ").at(-1))).toContain("NAME");
  });
});
