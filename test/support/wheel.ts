import { storedZip } from "../../src/executor-manager/packages/stored-zip.ts";

/** A wheel of one module, for any Python 3. */
export function wheel(
  name: string,
  module: string,
  options: { requires?: readonly string[]; version?: string } = {},
): Buffer {
  const { requires = [], version = "1.0" } = options;
  const info = `${name}-${version}.dist-info`;
  const needs = requires.map((requirement) => `Requires-Dist: ${requirement}\n`).join("");
  const files = {
    [`${name}.py`]: module,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${needs}`,
    [`${info}/WHEEL`]:
      "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
  };
  const record = [...Object.keys(files), `${info}/RECORD`].map((path) => `${path},,\n`).join("");
  return storedZip({ ...files, [`${info}/RECORD`]: record });
}
