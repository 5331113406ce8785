import { open, rm } from "node:fs/promises";
import type { Command } from "@commander-js/extra-typings";
import { renameDurably } from "../../files/durable.ts";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import { type CliContext, type Cluster, withCluster } from "../context.ts";

/** Adds `flmctl backup`. */
export function addBackup(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("backup")
    .description("Write a copy of the cluster's database, taken while it runs, into a file here.")
    .argument("<file>", "where to write it; an existing file is replaced when the copy is complete")
    .addHelpText(
      "after",
      "\nTo restore it, stop the session manager and put the file in the place of its database.\n" +
        "\nExample:\n  flmctl backup flame-2026-11-22.db",
    )
    .action(async (file) => {
      await withCluster(context, program.opts().config, async (cluster) => {
        const bytes = await writeWhole(file, cluster.backup());
        context.terminal.out(`Database written to ${file} (${bytes} bytes).\n`);
      });
    });
}

/** The file appears when everything is in it and on disk, or not at all. */
async function writeWhole(file: string, pieces: ReturnType<Cluster["backup"]>): Promise<number> {
  const part = `${file}.part`;
  let bytes = 0;
  const handle = await open(part, "w").catch((cause: unknown) => {
    throw new FlameError("invalid_argument", `cannot write ${part}: ${textOf(cause)}`, { cause });
  });
  try {
    for await (const piece of pieces) {
      await handle.write(piece);
      bytes += piece.length;
    }
    await handle.close();
    await renameDurably(part, file);
    return bytes;
  } catch (thrown) {
    await handle.close().catch(() => undefined);
    await rm(part, { force: true });
    throw thrown;
  }
}
