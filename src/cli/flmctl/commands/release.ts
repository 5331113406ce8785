import type { Command } from "@commander-js/extra-typings";
import { type CliContext, withCluster } from "../../context.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";

const kinds = ["node"] as const;

/** Adds `flmctl release`. */
export function addRelease(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("release")
    .description("Take a node out whose executor manager is gone: its name is free for another.")
    .addArgument(kindArgument("what to release", kinds))
    .argument("[node]", "the node's name")
    .addHelpText(
      "after",
      "\nTasks that it ran go back to Pending. A node that is Ready is refused: stop its executor manager, which releases it.\n" +
        "\nExample:\n  flmctl release node worker-3",
    )
    .action(async (word, name) => {
      if (word !== undefined) kindOf(word, kinds);
      if (name === undefined) throw unsupported("no node", kinds);
      await withCluster(context, program.opts().config, async (cluster) => {
        await cluster.releaseNode(name);
        context.terminal.out(`Node <${name}> was released.\n`);
      });
    });
}
