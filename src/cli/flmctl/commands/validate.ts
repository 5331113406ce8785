import type { Command } from "@commander-js/extra-typings";
import { FlameError } from "../../../model/errors.ts";
import type { CliContext } from "../../context.ts";
import { jsonText } from "../../output/documents.ts";
import { ExitWith } from "../../run-program.ts";
import { counted, tellFaults, tellWarnings } from "../manifests/document-faults.ts";
import { documentsOf, fileOption, recursiveOption } from "../manifests/file-options.ts";
import {
  faultsOf,
  type Told,
  type WrittenDocument,
  warningsOfAll,
} from "../manifests/written-documents.ts";
import { outputOption } from "../options.ts";

/** Adds `flmctl validate`. */
export function addValidate(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("validate")
    .description(
      "Check manifests without a cluster: every fault, with its line and what to do about it.",
    )
    .addOption(fileOption())
    .addOption(recursiveOption())
    .addOption(outputOption(["table", "json"]))
    .addHelpText(
      "after",
      "\nWhat only a cluster knows is not checked: its plugins, and packages.allowed_schemes.\n" +
        "\nExamples:\n  flmctl validate -f apps/\n  flmctl validate -f my-app.yaml -o json",
    )
    .action(async (flags) => {
      const documents = await documentsOf(flags, context);
      if (flags.output === "json") reportJson(documents, context);
      else report(documents, context);
    });
}

function report(documents: readonly WrittenDocument[], { terminal }: CliContext): void {
  const found = tellFaults(documents, terminal);
  if (found !== undefined) throw new FlameError("invalid_config", found);
  const warnings = tellWarnings(documents, terminal);
  const told = warnings === 0 ? "" : `, ${counted(warnings, "warning")}`;
  terminal.out(`${counted(documents.length, "application")} without faults${told}\n`);
}

/** For editors and pipelines: the exit code says the same as `faults`. */
function reportJson(documents: readonly WrittenDocument[], { terminal }: CliContext): void {
  const faults = faultsOf(documents).map(toldDocument);
  const warnings = warningsOfAll(documents).map(toldDocument);
  terminal.out(jsonText({ documents: documents.length, faults, warnings }));
  if (faults.length > 0) throw new ExitWith(1);
}

function toldDocument({ document, fault }: Told): object {
  return {
    file: document.source.name,
    line: fault.line ?? null,
    column: fault.column ?? null,
    application: document.checked.name ?? null,
    path: fault.path,
    rule: fault.rule,
    got: fault.got,
    expected: fault.expected,
    hint: fault.hint ?? null,
  };
}
