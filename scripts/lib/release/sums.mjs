import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../sha256.mjs";

export const sha256Of = (path) => sha256(readFileSync(path));

/** What `sha256sum --check` takes. */
export const sumsOf = (folder, names) =>
  names.map((name) => `${sha256Of(join(folder, name))}  ${name}\n`).join("");
