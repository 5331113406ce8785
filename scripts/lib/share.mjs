import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { homePaths } from "./paths.mjs";
import { whenChanged } from "./stamps.mjs";

/** The installation that the units in the repository are written for. */
const writtenFor = "/usr/local/flame";

/** Writes the systemd units for this installation to `share/systemd`, and the documents to `share/doc`. */
export async function ensureShare({ root, home }) {
  const { share, stamps } = homePaths(home);
  const units = join(root, "systemd");
  await whenChanged({
    folder: stamps,
    name: "share",
    title: "writing units and documents",
    inputs: [home, { path: units }, { path: join(root, "docs") }, { path: join(root, "LICENSE") }],
    products: [share],
    work: () => {
      rmSync(share, { recursive: true, force: true });
      mkdirSync(join(share, "systemd"), { recursive: true });
      for (const name of readdirSync(units)) {
        const text = readFileSync(join(units, name), "utf8").replaceAll(writtenFor, home);
        writeFileSync(join(share, "systemd", name), text);
      }
      cpSync(join(root, "docs"), join(share, "doc"), { recursive: true });
      cpSync(join(root, "LICENSE"), join(share, "doc/LICENSE"));
    },
  });
}
