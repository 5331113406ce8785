import { expect, it } from "@jest/globals";
import { readManifests } from "../../../src/manifest/manifest.ts";

const read = (packages: string) =>
  readManifests(`metadata: {name: a}\nspec:\n  command: /bin/x\n  packages: ${packages}\n`)[0];

it("a manifest has packages as they are written", () => {
  expect(read('["numpy>=2", six]')).toMatchObject({
    ok: true,
    spec: { packages: ["numpy>=2", "six"] },
  });
});

it.each([
  ["a text", "numpy", "type spec.packages 4:13"],
  ["an option", "[numpy, -e ./x]", "packages spec.packages[1] 4:21"],
  ["a path", "[./mine]", "packages spec.packages[0] 4:14"],
  ["a number", "[7]", "type spec.packages[0] 4:14"],
  ["a variable", '["x @ https://${TOKEN}@example.org/x.whl"]', "packages spec.packages[0] 4:14"],
  [
    "too many",
    `[${Array.from({ length: 257 }, (_, n) => `p${n}`).join(",")}]`,
    "too-many spec.packages 4:13",
  ],
])("a manifest whose packages are or have %s is refused by place", (_name, packages, fault) => {
  const result = read(packages);
  const faults = result?.ok === false ? result.faults : [];
  expect(faults.map((f) => `${f.rule} ${f.path} ${f.line}:${f.column}`)).toEqual([fault]);
});
