import { describe, expect, it } from "@jest/globals";
import { ApplicationBook, type ApplyApplication } from "../../../src/application-registry/index.ts";
import { specOf } from "../../../src/manifest/application-schema.ts";
import { checkManifest } from "../../../src/manifest/manifest.ts";
import type { ManifestFile } from "../../../src/manifest-directory/manifest-file.ts";
import type { ApplicationRecord } from "../../../src/model/application.ts";
import { decide } from "../../../src/plugins/application-directory/decide.ts";

const A = "/conf/a.yaml";
const B = "/conf/b.yaml";

function holds(path: string, ...names: string[]): [string, ManifestFile] {
  const documents = names.map((name) => {
    const checked = checkManifest({ metadata: { name }, spec: {} });
    if (!checked.ok) throw new Error("not a manifest");
    return checked;
  });
  return [path, { path, ok: true, documents }];
}
const broken = (path: string): [string, ManifestFile] => [
  path,
  { path, ok: false, faults: [{ text: "1:1: got x, expected y" }] },
];

/** `x` in the registry, kept by `owner` and made by `createdBy`. */
function record(
  owner: string | undefined,
  more: Partial<ApplicationRecord> = {},
): ApplicationRecord {
  const book = new ApplicationBook([]);
  const input: ApplyApplication = {
    name: "x",
    manifest: {},
    spec: specOf({}),
    origin: "file",
    author: "f",
  };
  book.apply([{ ...input, ...(owner !== undefined && { owner }) }], {}, 1);
  return { ...book.get("x"), ...more };
}

const told = (files: [string, ManifestFile][], records: ApplicationRecord[]) => {
  const decision = decide({ folder: "/conf", files: new Map(files), records });
  const [wanted] = [...decision.desired.values()];
  const [departure] = decision.departures;
  const fault = decision.faults[0]?.reason ?? "";
  return {
    ...(wanted !== undefined && { wanted: wanted.path }),
    ...(wanted?.takesOver !== undefined && { from: wanted.takesOver }),
    ...(departure !== undefined && { departure: departure.remove ? "remove" : "release" }),
    ...(fault !== "" && { fault }),
  };
};

describe("what the directory wants of the registry", () => {
  const { createdBy: _by, ...adopted } = record(A);
  it.each([
    ["an absent application: registers it", [holds(A, "x")], [], { wanted: A }],
    ["one that nobody keeps: takes it", [holds(A, "x")], [record(undefined)], { wanted: A }],
    ["its own: is asked for again", [holds(A, "x")], [record(A)], { wanted: A }],
    [
      "another tool's: asks, and is refused by the registry",
      [holds(A, "x")],
      [record("tool")],
      { wanted: A },
    ],
    ["one whose file is gone: takes it over", [holds(B, "x")], [record(A)], { wanted: B, from: A }],
    [
      "one whose file speaks of others now: takes it over",
      [holds(B, "x"), holds(A, "y")],
      [record(A)],
      { wanted: B, from: A },
    ],
    [
      "one whose file is broken: waits",
      [broken(A), holds(B, "x")],
      [record(A)],
      { fault: "1:1: got x, expected y" },
    ],
    ["made by a file that is gone: removes it", [], [record(A)], { departure: "remove" }],
    [
      "made by a file that says nothing of it: removes it",
      [holds(A, "y")],
      [record(A)],
      { wanted: A, departure: "remove" },
    ],
    ["taken by a file that is gone: lets go of it", [], [adopted], { departure: "release" }],
    [
      "shipped, whoever made it: lets go of it",
      [],
      [record(A, { lastSeeded: {} })],
      { departure: "release" },
    ],
    ["kept by a broken file: stays", [broken(A)], [record(A)], { fault: "1:1: got x, expected y" }],
    ["on its way out: nothing more", [], [record(A, { state: "Disabled" })], {}],
    [
      "of another folder: not its business",
      [],
      [record("/conf/below/a.yaml"), record("/other/a.yaml")],
      {},
    ],
  ] as [string, [string, ManifestFile][], ApplicationRecord[], object][])(
    "%s",
    (_case, files, records, expected) => {
      expect(told(files, records)).toEqual(expected);
    },
  );

  it("names the broken file that stands in the way of another one", () => {
    const { faults } = decide({
      folder: "/conf",
      files: new Map([broken(A), holds(B, "x")]),
      records: [record(A)],
    });
    expect(faults).toContainEqual({
      name: "x",
      path: B,
      reason: `got the application x, which ${A} keeps, and that file has faults of its own; mend it first`,
    });
  });
});
