import { Argument, type Command } from "@commander-js/extra-typings";
import { parseManifests } from "../../../manifest/manifest.ts";
import { toYaml } from "../../../manifest/to-yaml.ts";
import { type CliContext, type Cluster, withCluster } from "../../context.ts";
import { jsonText } from "../../output/documents.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";
import { outputOption } from "../options.ts";
import { ifServed } from "../registry-access.ts";

const kinds = ["app"] as const;

/** Adds `flmctl get`. */
export function addGet(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("get")
    .description(
      "Print applications as manifests, just as somebody wrote them: apply takes them, unchanged.",
    )
    .addArgument(kindArgument("what to print", kinds))
    .addArgument(new Argument("[names...]", "which; all of them when none is named"))
    .addOption(outputOption(["yaml", "json"]))
    .addHelpText(
      "after",
      "\nExamples:\n  flmctl get app flmrun > flmrun.yaml\n  flmctl get app > all.yaml && flmctl apply -f all.yaml",
    )
    .action(async (word, names, { output }) => {
      if (word === undefined) throw unsupported("nothing to get", kinds);
      kindOf(word, kinds);
      const manifests = await withCluster(context, program.opts().config, (cluster) =>
        names.length === 0
          ? allManifests(cluster)
          : Promise.all(names.map((name) => manifestOf(cluster, name))),
      );
      if (output === "yaml") context.terminal.out(manifests.join("---\n"));
      else
        context.terminal.out(jsonText(names.length === 1 ? raw(manifests[0]) : manifests.map(raw)));
    });
}

/** YAML, before defaults where the session manager keeps it so. */
async function manifestOf(cluster: Cluster, name: string): Promise<string> {
  const application = await ifServed(cluster.registry.get(name));
  if (application !== undefined) return application.revision.manifest;
  const { spec } = await cluster.getApplication(name);
  return toYaml(name, spec);
}

async function allManifests(cluster: Cluster): Promise<string[]> {
  const applications = await ifServed(cluster.registry.list());
  if (applications === undefined) {
    const published = await cluster.listApplications();
    return published
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, spec }) => toYaml(name, spec));
  }
  return applications.flatMap(({ revision }) =>
    revision === undefined ? [] : [revision.manifest],
  );
}

function raw(manifest = ""): unknown {
  return parseManifests(manifest)[0]?.raw;
}
