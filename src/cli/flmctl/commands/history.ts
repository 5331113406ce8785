import type { Command } from "@commander-js/extra-typings";
import type { RevisionInfo } from "../../../client/index.ts";
import type { CliContext } from "../../context.ts";
import { jsonText, yamlText } from "../../output/documents.ts";
import { plainTable } from "../../output/table.ts";
import { naturalTime } from "../../output/times.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";
import { outputOption } from "../options.ts";
import { withRegistry } from "../registry-access.ts";
import { causeText, revisionDocument } from "../show/revision-text.ts";

const kinds = ["app"] as const;

/** Adds `flmctl history`. */
export function addHistory(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("history")
    .description(
      "List the revisions of an application: when, by whom, why, and which fields changed.",
    )
    .addArgument(kindArgument("what it is", kinds))
    .argument("[name]", "its name")
    .addOption(outputOption(["table", "json", "yaml"]))
    .addHelpText(
      "after",
      "\nExamples:\n  flmctl history app flmrun\n  flmctl view app flmrun --revision 1\n  flmctl rollback app flmrun --to 1",
    )
    .action(async (word, name, { output }) => {
      if (word === undefined || name === undefined) throw unsupported("no application", kinds);
      kindOf(word, kinds);
      const instead = "there is no history";
      const revisions = await withRegistry(context, program.opts().config, instead, (registry) =>
        registry.revisions(name),
      );
      const { terminal } = context;
      if (output === "table") terminal.out(historyTable(revisions, context));
      else terminal.out((output === "json" ? jsonText : yamlText)(revisions.map(revisionDocument)));
    });
}

function historyTable(revisions: readonly RevisionInfo[], { terminal, clock }: CliContext): string {
  const time = naturalTime(terminal, clock);
  const titles = ["REVISION", "WHEN", "BY", "CAUSE", "CHANGED"];
  const rows = revisions.map((revision) => [
    String(revision.number),
    time(revision.time),
    revision.author,
    causeText(revision),
    changedText(revision),
  ]);
  return plainTable([titles, ...rows]);
}

/** The fields that a revision changed. */
function changedText({ number, changes }: RevisionInfo): string {
  return number === 1 ? "everything: it is the first" : changes.map(({ path }) => path).join(", ");
}
