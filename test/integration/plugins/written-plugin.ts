import { writeFileSync } from "node:fs";
import { join } from "node:path";

let count = 0;

/**
 * Writes the module of a plugin with these parts, each under a name of its own.
 * @param parts such as `start: (host) => {}`
 * @returns its path
 */
export function write(folder: string, parts: string): string {
  const name = `plugin-${++count}`;
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, `export default { name: "${name}", apiVersion: 1, ${parts} };\n`);
  return path;
}
