import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const sha256Of = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** What `sha256sum --check` takes. */
export const sumsOf = (folder, names) =>
  names.map((name) => `${sha256Of(join(folder, name))}  ${name}\n`).join("");
