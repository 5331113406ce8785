import type { Command } from "@commander-js/extra-typings";
import type { ApplicationHistory, RevisionInfo } from "../../../client/index.ts";
import type { CliContext } from "../../context.ts";
import { jsonText, yamlText } from "../../output/documents.ts";
import { plainTable } from "../../output/table.ts";
import { naturalTime } from "../../output/times.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";
import { outputOption } from "../options.ts";
import { withRegistry } from "../registry-access.ts";
import { causeText, removalDocument, revisionDocument } from "../show/revision-text.ts";

const kinds = ["app"] as const;

/** Adds `flmctl history`. */
export function addHistory(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("history")
    .description(
      "List the revisions of an application: when, by whom, why, and which fields changed; and who unregistered earlier ones of its name.",
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
      const history = await withRegistry(context, program.opts().config, instead, (registry) =>
        registry.history(name),
      );
      const { terminal } = context;
      if (output === "table") terminal.out(historyTable(history, context));
      else terminal.out((output === "json" ? jsonText : yamlText)(documents(history)));
    });
}

const documents = ({ revisions, removals }: ApplicationHistory): object[] => [
  ...revisions.map(revisionDocument),
  ...removals.map(removalDocument),
];

/** The latest first: what was unregistered was there before what is there. */
function historyTable(
  { revisions, removals }: ApplicationHistory,
  { terminal, clock }: CliContext,
): string {
  const time = naturalTime(terminal, clock);
  const titles = ["REVISION", "WHEN", "BY", "CAUSE", "CHANGED"];
  const rows = revisions.map((revision) => [
    String(revision.number),
    time(revision.time),
    revision.author,
    causeText(revision),
    changedText(revision),
  ]);
  const ends = removals.map(({ revision, author, ...removal }) => [
    "-",
    time(removal.time),
    author,
    "unregister",
    `gone with its revisions, the last was ${revision}`,
  ]);
  return plainTable([titles, ...rows, ...ends]);
}

/** The fields that a revision changed. */
function changedText({ number, changes }: RevisionInfo): string {
  return number === 1 ? "everything: it is the first" : changes.map(({ path }) => path).join(", ");
}
