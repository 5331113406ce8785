import { open, rm } from "node:fs/promises";
import type { Command } from "@commander-js/extra-typings";
import { renameDurably } from "../../../files/durable.ts";
import { randomId } from "../../../kit/ids.ts";
import { textOf } from "../../../kit/thrown.ts";
import { FlameError } from "../../../model/errors.ts";
import { refuseTakenFile, targetName } from "../../backup-target.ts";
import { type CliContext, type Cluster, withCluster } from "../../context.ts";

/** Adds `flmctl backup`. */
export function addBackup(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("backup")
    .description("Write a copy of the cluster's database, taken while it runs, into a file here.")
    .argument(
      "<file>",
      "where to write it; an older backup there is replaced when the copy is complete",
      targetName,
    )
    .addHelpText(
      "after",
      "\nObjects, configuration and installed packages are not in it: flame backup writes all of them.\n" +
        "To restore it: flame restore FILE in the session manager's home, while no daemon runs there.\n" +
        "\nExample:\n  flmctl backup flame-2026-11-22.db",
    )
    .action(async (file) => {
      await refuseTakenFile(file);
      await withCluster(context, program.opts().config, async (cluster) => {
        const bytes = await writeWhole(file, cluster.backup());
        context.terminal.out(`Database written to ${file} (${bytes} bytes).\n`);
      });
    });
}

/** The file appears when everything is in it and on disk, or not at all. Only its owner may read it. */
async function writeWhole(file: string, pieces: ReturnType<Cluster["backup"]>): Promise<number> {
  // Another backup may be written to the same name at the same time.
  const part = `${file}.${randomId()}.part`;
  let bytes = 0;
  const handle = await open(part, "wx", 0o600).catch((cause: unknown) => {
    throw cannotWrite(file, cause);
  });
  try {
    for await (const piece of pieces) {
      await handle.write(piece).catch((cause: unknown) => {
        throw cannotWrite(file, cause);
      });
      bytes += piece.length;
    }
    await handle.close();
    await renameDurably(part, file).catch((cause: unknown) => {
      throw cannotWrite(file, cause);
    });
    return bytes;
  } catch (thrown) {
    await handle.close().catch(() => undefined);
    await rm(part, { force: true });
    throw thrown;
  }
}

function cannotWrite(file: string, cause: unknown): FlameError {
  return new FlameError(
    "invalid_argument",
    `cannot write the backup to ${file}: ${textOf(cause)}`,
    {
      cause,
    },
  );
}
