import { expect, it } from "@jest/globals";
import { faultText } from "../../../src/documents/fault.ts";
import { readYaml } from "../../../src/documents/yaml-text.ts";

const limits = { bytesMax: 1000, lexemesMax: 1000, depthMax: 5, aliasCountMax: 5, documentsMax: 5 };

it.each([
  ["a:\n\tb: 1\n", "2:1: got a tab as indentation, expected spaces; indent with two spaces"],
  [
    "a: 1\na: 2\n",
    '2:1: got the key "a" a second time, expected each key once; remove one of the two, or rename it',
  ],
  ["# nothing\n", "1:1: got an empty text, expected a YAML document"],
  ["a: [", "1:4: got [ that is never closed, expected ] behind it"],
])("the syntax fault of %j is told in the words of all faults", (text, expected) => {
  const faults = readYaml(text, limits).flatMap((document) => document.faults);
  expect(faults.map((fault) => faultText(fault))[0]).toContain(expected);
});
