import type { Command } from "@commander-js/extra-typings";
import type { CheckedManifest } from "../../../manifest/manifest.ts";
import { FlameError } from "../../../model/errors.ts";
import { type CliContext, type Cluster, withCluster } from "../../context.ts";
import { kindOf, unsupported } from "../kinds.ts";
import { readManifestFile } from "../manifests/manifest-file.ts";
import { forceOption } from "../options.ts";
import { withRegistry } from "../registry-access.ts";

type Program = Command<[], { config?: string }>;

const kinds = ["app"] as const;

/** Adds `flmctl register`, `update` and `unregister`; like the published tools they print nothing when all is well. */
export function addApplicationCommands(program: Program, context: CliContext): void {
  addRegister(program, context);
  addUpdate(program, context);
  addUnregister(program, context);
}

function addRegister(program: Program, context: CliContext): void {
  program
    .command("register")
    .description(
      "Register the applications of a YAML file; every document is checked before the first is sent.",
    )
    .requiredOption(
      "-f, --file <file>",
      "manifests, separated by lines that are exactly ---; - for standard input",
    )
    .addHelpText("after", "\nExample:\n  flmctl register -f my-app.yaml")
    .action(async ({ file }) => {
      const manifests = await readManifestFile(file, context);
      await withCluster(context, program.opts().config, (cluster) =>
        registerAll(cluster, file, manifests),
      );
    });
}

function addUpdate(program: Program, context: CliContext): void {
  program
    .command("update")
    .description(
      "Replace the specification of an application; what the file leaves out goes back to its default.",
    )
    .option("-f, --file <file>", "one manifest; - for standard input")
    .option("-a, --application <file>", "the same, as the published tools name it")
    .addHelpText(
      "after",
      "\nExample:\n  flmctl view app flmrun -o yaml > flmrun.yaml\n  $EDITOR flmrun.yaml\n  flmctl update -f flmrun.yaml",
    )
    .action(async (flags) => {
      const file = flags.file ?? flags.application;
      if (file === undefined) throw unsupported("no --file", kinds);
      const [manifest, ...others] = await readManifestFile(file, context);
      if (manifest === undefined || others.length > 0) {
        const text = `${file}: got ${others.length + 1} documents, expected one: update takes one application at a time`;
        throw new FlameError("invalid_config", text);
      }
      await withCluster(context, program.opts().config, (cluster) =>
        cluster.updateApplication(manifest.name, manifest.manifest),
      );
    });
}

interface UnregisterFlags {
  readonly application?: string;
  readonly force?: true;
  readonly whenUnused?: true;
}

function addUnregister(program: Program, context: CliContext): void {
  program
    .command("unregister")
    .description("Remove an application with its closed sessions; refused while sessions are open.")
    .argument("[words...]", "[app] NAME")
    .option("-a, --application <name>", "the application, as the published tools take it")
    .option(
      "--when-unused",
      "with open sessions: take no new ones, and remove it when the last closes",
    )
    .addOption(forceOption())
    .addHelpText(
      "after",
      "\nExamples:\n  flmctl unregister my-app\n  flmctl unregister app my-app --when-unused",
    )
    .action(async (words, flags) => {
      const [name = flags.application, ...tooMany] = words.length > 1 ? named(words) : words;
      if (name === undefined) throw unsupported("no application to unregister", kinds);
      if (tooMany.length > 0) throw unsupported(`also got "${tooMany.join(" ")}"`, kinds);
      await unregister(name, flags, context, program.opts().config);
    });
}

/** Over the published call, unless more is asked than that can do. */
async function unregister(
  name: string,
  { force, whenUnused }: UnregisterFlags,
  context: CliContext,
  config: string | undefined,
): Promise<void> {
  if (force === undefined && whenUnused === undefined) {
    return withCluster(context, config, (cluster) => cluster.unregisterApplication(name));
  }
  const options = { force: force === true, whenUnused: whenUnused === true };
  const instead = "use flmctl unregister without --force and --when-unused";
  const removed = await withRegistry(context, config, instead, (registry) =>
    registry.remove(name, options),
  );
  if (removed) return;
  context.terminal.out(
    `application/${name} takes no new sessions; it goes when its open ones are closed\n`,
  );
}

/** What follows the word `app`. */
function named([word = "", ...rest]: readonly string[]): readonly string[] {
  kindOf(word, kinds);
  return rest;
}

/**
 * Registers one after the other and stops at the first that the server refuses; earlier ones stay registered,
 * as the error says.
 */
async function registerAll(
  cluster: Cluster,
  file: string,
  manifests: readonly CheckedManifest[],
): Promise<void> {
  const done: string[] = [];
  for (const { name, manifest } of manifests) {
    try {
      await cluster.registerApplication(name, manifest);
    } catch (thrown) {
      const error = FlameError.from(thrown);
      if (manifests.length === 1) throw error;
      const before = done.length === 0 ? "none" : done.join(", ");
      throw new FlameError(
        error.code,
        `${file}: application ${name}, document ${done.length + 1} of ${manifests.length}: ${error.message}; ` +
          `registered before it: ${before}`,
        { cause: error },
      );
    }
    done.push(name);
  }
}
