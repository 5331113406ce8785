import { type Command, Option } from "@commander-js/extra-typings";
import type { RegistryClient } from "../../../client/index.ts";
import type { CliContext } from "../../context.ts";
import { countOption } from "../../flag-values.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";
import { forceOption } from "../options.ts";
import { withRegistry } from "../registry-access.ts";
import { changeLines } from "../show/change-lines.ts";

const kinds = ["app"] as const;

interface RollbackFlags {
  readonly to?: number;
  readonly dryRun?: true;
  readonly force?: true;
}

/** Adds `flmctl rollback`. */
export function addRollback(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("rollback")
    .description("Make an earlier revision of an application the present one, as a new revision.")
    .addArgument(kindArgument("what it is", kinds))
    .argument("[name]", "its name")
    .addOption(
      new Option(
        "--to <revision>",
        "the revision; without it the one before the present",
      ).argParser(countOption),
    )
    .option("--dry-run", "show what would change, change nothing")
    .addOption(forceOption())
    .addHelpText(
      "after",
      "\nExamples:\n  flmctl rollback app flmrun --dry-run\n  flmctl rollback app flmrun --to 3",
    )
    .action(async (word, name, flags) => {
      if (word === undefined || name === undefined) throw unsupported("no application", kinds);
      kindOf(word, kinds);
      const instead = "there is nothing to roll back to";
      const text = await withRegistry(context, program.opts().config, instead, (registry) =>
        rollBack(registry, name, flags),
      );
      context.terminal.out(text);
    });
}

/** Rolls back and tells what became of it. */
async function rollBack(
  registry: RegistryClient,
  name: string,
  { to, ...flags }: RollbackFlags,
): Promise<string> {
  const dryRun = flags.dryRun === true;
  // What is rolled back is what was there when the command began: nobody's later change is.
  const [present, before] = await registry.revisions(name);
  const target = to ?? before?.number;
  const result = await registry.rollback(name, {
    dryRun,
    force: flags.force === true,
    ...(target !== undefined && { to: target }),
    ...(present !== undefined && { expectedRevision: present.number }),
  });
  if (result.action === "refused") return `application/${name} refused: ${result.message}\n`;
  if (result.action === "unchanged") {
    return `application/${name} unchanged: revision ${result.revision} is as revision ${target ?? ""} was\n`;
  }
  const changes = changeLines(result.changes);
  if (dryRun)
    return `application/${name} would be rolled back to revision ${target ?? ""}\n${changes}`;
  return `application/${name} rolled back to revision ${target ?? ""}, as revision ${result.revision}\n${changes}`;
}
