import { type Command, Option } from "@commander-js/extra-typings";
import type { ApplyResult } from "../../../client/index.ts";
import { FlameError } from "../../../model/errors.ts";
import type { CliContext } from "../../context.ts";
import { applyDocuments, isGood, printRefusals } from "../manifests/apply-documents.ts";
import { counted, refuseFaults, tellFaults, tellWarnings } from "../manifests/document-faults.ts";
import { documentsOf, fileOption, recursiveOption } from "../manifests/file-options.ts";
import type { WrittenDocument } from "../manifests/written-documents.ts";
import { forceOption, ownerOption } from "../options.ts";
import { withRegistry } from "../registry-access.ts";

type Program = Command<[], { config?: string }>;

interface ApplyFlags {
  readonly file: readonly string[];
  readonly recursive?: true;
  readonly dryRun?: "client" | "server";
  readonly continueOnError?: true;
  readonly force?: true;
  readonly owner?: string;
}

/** What serves in the place of apply where there is no registry. */
export const PUBLISHED_CALLS =
  "use flmctl register for new applications and flmctl update for others";

/** Adds `flmctl apply`. */
export function addApply(program: Program, context: CliContext): void {
  program
    .command("apply")
    .description(
      "Make applications what files say: creates, changes or leaves alone each, all of them in one step.",
    )
    .addOption(fileOption())
    .addOption(recursiveOption())
    .addOption(dryRunOption())
    .option(
      "--continue-on-error",
      "apply the documents without faults, whatever is wrong with others",
    )
    .addOption(forceOption())
    .addOption(ownerOption())
    .addHelpText(
      "after",
      "\nEvery document is checked before anything is sent; one bad document, and nothing is changed.\n" +
        "Open sessions keep the revision that they were created with.\n" +
        "\nExamples:\n  flmctl apply -f my-app.yaml\n  flmctl apply -f apps/ -R --dry-run=server\n" +
        "  flmctl get app my-app | sed 's/delay_release: .*/delay_release: 5/' | flmctl apply -f -",
    )
    .action(async (flags) => {
      await runApply(flags, context, program.opts().config);
    });
}

function dryRunOption(): Option<
  "--dry-run [where]",
  "server",
  undefined,
  undefined,
  false,
  "client" | "server"
> {
  return new Option(
    "--dry-run [where]",
    "change nothing: client checks the files here, server has the cluster tell what would happen",
  )
    .choices(["client", "server"] as const)
    .preset("server");
}

async function runApply(
  flags: ApplyFlags,
  context: CliContext,
  config: string | undefined,
): Promise<void> {
  const { terminal } = context;
  const { dryRun, continueOnError = false, force = false, owner } = flags;
  const documents = await documentsOf(flags, context);
  if (!continueOnError) refuseFaults(documents, terminal);
  else tellFaults(documents, terminal);
  const good = documents.filter(isGood);
  tellWarnings(good, terminal);
  if (dryRun === "client") {
    for (const { checked } of good)
      terminal.out(`application/${checked.name} valid (client dry run)\n`);
    failFor(documents.length - good.length, documents, "the others are valid");
    return;
  }
  const options = {
    continueOnError,
    force,
    dryRun: dryRun === "server",
    ...(owner !== undefined && { owner }),
  };
  const results = await withRegistry(context, config, PUBLISHED_CALLS, (registry) =>
    good.length === 0 ? Promise.resolve([]) : applyDocuments(registry, good, options, terminal),
  );
  for (const result of results)
    if (result.action !== "refused") terminal.out(resultLine(result, dryRun));
  const refused = printRefusals(good, results, terminal);
  const rest = dryRun === "server" ? "the others would be applied" : "the others were applied";
  failFor(documents.length - good.length + refused, documents, rest);
}

function resultLine({ name, action }: ApplyResult, dryRun: string | undefined): string {
  return `application/${name} ${action}${dryRun === undefined ? "" : " (server dry run)"}\n`;
}

/** @throws FlameError invalid_config when some documents were left out */
function failFor(failed: number, { length }: readonly WrittenDocument[], rest: string): void {
  if (failed === 0) return;
  const others = failed === length ? "nothing was changed" : rest;
  throw new FlameError(
    "invalid_config",
    `${counted(failed, "document")} of ${length} refused; ${others}`,
  );
}
