import type { Command } from "@commander-js/extra-typings";
import { Argument } from "@commander-js/extra-typings";
import type { CliContext } from "../../context.ts";
import { jsonText } from "../../output/documents.ts";
import { knownSchemas, type SchemaName, schemaNames } from "../manifests/known-schemas.ts";
import { findPlace } from "../manifests/schema-path.ts";
import { explanation, outline } from "../manifests/schema-text.ts";

type Program = Command<[], { config?: string }>;

/** Adds `flmctl explain` and `flmctl schema`: what users may write, without a cluster. */
export function addExplain(program: Program, { terminal }: CliContext): void {
  const path = new Argument(
    "<path>",
    "such as application.spec.url; begins with application, cluster or client",
  );
  path.argChoices = [...schemaNames];
  program
    .command("explain")
    .description(
      "Explain a key of a manifest or of a configuration file: type, limits, default, examples.",
    )
    .addArgument(path)
    .option("-r, --recursive", "everything below it, a line each")
    .addHelpText(
      "after",
      "\nExamples:\n  flmctl explain application.spec.url\n  flmctl explain application -r\n  flmctl explain cluster.cluster.policies",
    )
    .action((words, { recursive }) => {
      const place = findPlace(words);
      terminal.out(recursive === true ? outline(place) : explanation(place));
    });
  program
    .command("schema")
    .description(
      "Print the JSON Schema of manifests, of flame-cluster.yaml or of the clients' flame.yaml.",
    )
    .addArgument(new Argument("<which>", "which").choices(schemaNames))
    .addHelpText(
      "after",
      "\nAn editor completes and checks a manifest that begins with\n" +
        "  # yaml-language-server: $schema=./application.schema.json\n" +
        "\nExample:\n  flmctl schema application > application.schema.json",
    )
    .action((which: SchemaName) => {
      terminal.out(jsonText(knownSchemas[which]));
    });
}
