import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { installPrefix } from "../../scripts/lib/installed-prefix.mjs";
import beginRunWithPrograms from "./begin-run-with-programs.mjs";

/** Installs Flame for this run of the tests; `end-run.mjs` removes it. */
export default async function beginRunWithInstalledPrefix() {
  await beginRunWithPrograms();
  const folder = mkdtempSync(join(tmpdir(), "installed-"));
  process.env.FLAME_TEST_INSTALLED = folder;
  installPrefix(folder);
}
