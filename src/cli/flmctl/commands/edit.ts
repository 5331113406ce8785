import type { Command } from "@commander-js/extra-typings";
import type { RegistryApplication } from "../../../client/index.ts";
import { envValue } from "../../../config/env.ts";
import { FlameError } from "../../../model/errors.ts";
import type { CliContext } from "../../context.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";
import { editManifest } from "../manifests/edit-manifest.ts";
import { editedFile } from "../manifests/edited-file.ts";
import { forceOption } from "../options.ts";
import { withRegistry } from "../registry-access.ts";

const kinds = ["app"] as const;

/** Adds `flmctl edit`. */
export function addEdit(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("edit")
    .description("Change an application in an editor: $VISUAL, else $EDITOR, else vi.")
    .addArgument(kindArgument("what to edit", kinds))
    .argument("[name]", "its name")
    .addOption(forceOption())
    .addHelpText(
      "after",
      "\nFaults open the editor again and stand above the manifest. Saving nothing, or an editor that fails, changes nothing.\n" +
        "What another changed meanwhile is never overwritten; your text is kept then.\n" +
        "\nExamples:\n  flmctl edit app flmrun\n  EDITOR='code --wait' flmctl edit app flmrun",
    )
    .action(async (word, name, { force }) => {
      if (word === undefined || name === undefined) throw unsupported("no application", kinds);
      kindOf(word, kinds);
      const instead = "use flmctl view app NAME -o yaml, an editor, and flmctl update -f";
      const outcome = await withRegistry(
        context,
        program.opts().config,
        instead,
        async (registry) => {
          const application = await registry.get(name);
          if (force !== true) refuseKept(application);
          const file = await editedFile(name, editorOf(context), context.env);
          return editManifest({ registry, application, file, force: force === true });
        },
      );
      context.terminal.out(`application/${name} ${outcome}\n`);
    });
}

/** Said before somebody has edited in vain. */
function refuseKept({ name, owner }: RegistryApplication): void {
  if (owner === undefined) return;
  const text = `application ${JSON.stringify(name)} is kept by ${owner}: edit that, or use --force, which lasts until ${owner} is applied again`;
  throw new FlameError("invalid_state", text);
}

function editorOf({ env }: CliContext): string {
  return envValue(env, "VISUAL") ?? envValue(env, "EDITOR") ?? "vi";
}
