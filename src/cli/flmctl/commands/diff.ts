import type { Command } from "@commander-js/extra-typings";
import type { ApplyResult } from "../../../client/index.ts";
import { FlameError } from "../../../model/errors.ts";
import type { CliContext } from "../../context.ts";
import { ExitWith } from "../../run-program.ts";
import {
  type GoodDocument,
  isGood,
  printRefusals,
  sendDocuments,
} from "../manifests/apply-documents.ts";
import { counted, refuseFaults } from "../manifests/document-faults.ts";
import { documentsOf, fileOption, recursiveOption } from "../manifests/file-options.ts";
import { forceOption, ownerOption } from "../options.ts";
import { withRegistry } from "../registry-access.ts";
import { changeLines } from "../show/change-lines.ts";
import { PUBLISHED_CALLS } from "./apply.ts";

/** Exit codes as those of diff(1). */
const DIFFERENT = 1;
const TROUBLE = 2;

interface DiffFlags {
  readonly file: readonly string[];
  readonly recursive?: true;
  readonly force?: true;
  readonly owner?: string;
}

/** Adds `flmctl diff`. */
export function addDiff(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("diff")
    .description(
      "Show field by field what apply would change: - is what is there, + is what the file says.",
    )
    .addOption(fileOption())
    .addOption(recursiveOption())
    .addOption(forceOption())
    .addOption(ownerOption())
    .addHelpText(
      "after",
      "\nExit code: 0 nothing would change, 1 something would, 2 it could not be told.\n" +
        "\nExample:\n  flmctl diff -f my-app.yaml || flmctl apply -f my-app.yaml",
    )
    .action(async (flags) => {
      const different = await runDiff(flags, context, program.opts().config).catch(
        (thrown: unknown) => {
          throw new ExitWith(TROUBLE, FlameError.from(thrown));
        },
      );
      if (different) throw new ExitWith(DIFFERENT);
    });
}

/** Prints the differences. @returns whether there are any */
async function runDiff(
  flags: DiffFlags,
  context: CliContext,
  config: string | undefined,
): Promise<boolean> {
  const { terminal } = context;
  const documents = await documentsOf(flags, context);
  refuseFaults(documents, terminal);
  const good = documents.filter(isGood);
  const { force = false, owner } = flags;
  const asked = {
    dryRun: true,
    continueOnError: true,
    force,
    ...(owner !== undefined && { owner }),
  };
  const results = await withRegistry(context, config, PUBLISHED_CALLS, (registry) =>
    sendDocuments(registry, good, asked),
  );
  results.forEach((result, index) => terminal.out(differenceText(result, good[index])));
  const refused = printRefusals(good, results, terminal);
  if (refused > 0) {
    const text = `${counted(refused, "document")} of ${good.length} would be refused`;
    throw new FlameError("invalid_config", text);
  }
  return results.some(({ action }) => action !== "unchanged");
}

/** Nothing for what would stay as it is. */
function differenceText(result: ApplyResult, document: GoodDocument | undefined): string {
  if (result.action === "refused" || result.action === "unchanged") return "";
  const { name, action, previousRevision, changes } = result;
  const place = document === undefined ? "" : `${document.source.name}:${document.place.line}: `;
  const changed =
    changes.length === 0
      ? "would be enabled again"
      : `would change, from revision ${previousRevision}`;
  const what = action === "created" ? "would be created" : changed;
  return `${place}application/${name} ${what}\n${changeLines(changes)}`;
}
