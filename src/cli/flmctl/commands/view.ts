import { type Command, Option } from "@commander-js/extra-typings";
import type { Task } from "../../../client/index.ts";
import { type CliContext, type Cluster, withCluster } from "../../context.ts";
import { countOption } from "../../flag-values.ts";
import { jsonText, yamlText } from "../../output/documents.ts";
import type { Terminal } from "../../output/terminal.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";
import { type OutputForm, outputOption, publishedOutputOption } from "../options.ts";
import { ifServed } from "../registry-access.ts";
import { nodeDocument, sessionDocument, taskDocument } from "../show/object-documents.ts";
import { viewedApplication } from "../show/view-application.ts";
import { clusterDetails, clusterDocument } from "../show/view-cluster.ts";
import { nodeDetails } from "../show/view-node.ts";
import { sessionDetails, taskDetails } from "../show/view-session.ts";

const kinds = ["app", "session", "node", "cluster"] as const;
const forms = ["table", "json", "yaml"] as const;

/** What is viewed: a task is named by its session and its id. */
export type ViewTarget =
  | { readonly kind: "cluster" }
  | { readonly kind: "app"; readonly name: string; readonly revision?: number }
  | { readonly kind: "session" | "node"; readonly name: string }
  | { readonly kind: "task"; readonly session: string; readonly name: string };

export interface ViewOptions {
  readonly target: ViewTarget;
  readonly output: OutputForm;
  /** True for `view -a`, `-s` and `-n`: the published layout and nothing else. */
  readonly published: boolean;
  readonly cluster: Cluster;
  readonly terminal: Terminal;
}

/** Adds `flmctl view`. */
export function addView(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("view")
    .description("Show one application, session, task or node in full, or the cluster as a whole.")
    .addArgument(kindArgument("what to show", kinds))
    .argument("[name]", "its name or id")
    .option("-a, --application <name>", "show this application")
    .option("-s, --session <id>", "show this session")
    .option("-t, --task <id>", "show this task of the session")
    .option("-n, --node <name>", "show this node")
    .addOption(
      new Option("--revision <n>", "show the application as this revision has it").argParser(
        countOption,
      ),
    )
    .addOption(outputOption(forms))
    .addOption(publishedOutputOption(forms))
    .addHelpText(
      "after",
      "\nExamples:\n  flmctl view app flmrun\n  flmctl view app flmrun -o yaml > flmrun.yaml\n" +
        "  flmctl view app flmrun --revision 1\n" +
        "  flmctl view session flmping-Sf4R2o -t 1\n  flmctl view cluster",
    )
    .action(async (word, name, flags) => {
      const target = viewTarget(word, name, flags);
      const output = flags.outputFormat ?? flags.output;
      const { terminal } = context;
      const published = word === undefined;
      await withCluster(context, program.opts().config, (cluster) =>
        runView({ target, output, published, cluster, terminal }),
      );
    });
}

/** Fetches and prints one thing. */
export async function runView(options: ViewOptions): Promise<void> {
  const { target, output, published, cluster, terminal } = options;
  const print = (
    details: () => string,
    document: () => object,
    yaml = (): string => yamlText(document()),
  ): void => {
    if (output === "json") terminal.out(jsonText(document()));
    else terminal.out(output === "yaml" ? yaml() : details());
  };
  switch (target.kind) {
    case "cluster": {
      const found = await cluster.viewCluster();
      print(
        () => clusterDetails(found),
        () => clusterDocument(found),
      );
      break;
    }
    case "app": {
      const { details, document, yaml } = await viewedApplication(cluster, target, published);
      print(details, document, yaml);
      break;
    }
    case "session": {
      const session = await cluster.getSession(target.name);
      const tasks = output === "table" ? [] : await tasksInOrder(cluster, target.name);
      const ran = published ? undefined : await ifServed(cluster.registry.ofSession(target.name));
      print(
        () => sessionDetails(session, ran?.number),
        () => sessionDocument(session, tasks, ran?.number),
      );
      break;
    }
    case "task": {
      const session = await cluster.getSession(target.session);
      const task = await cluster.getTask(target.session, target.name);
      print(
        () => taskDetails(task, session),
        () => taskDocument(task),
      );
      break;
    }
    case "node": {
      const node = await cluster.getNode(target.name);
      print(
        () => nodeDetails(node, published),
        () => nodeDocument(node),
      );
      break;
    }
  }
}

function viewTarget(
  word: string | undefined,
  name: string | undefined,
  flags: {
    application?: string;
    session?: string;
    task?: string;
    node?: string;
    revision?: number;
  },
): ViewTarget {
  if (word !== undefined) {
    const kind = kindOf(word, kinds);
    if (kind === "cluster") return { kind };
    if (name === undefined) throw unsupported(`"${word}" without a name`, kinds);
    if (flags.revision !== undefined) {
      if (kind !== "app") throw unsupported(`--revision of a ${kind}`, ["app"]);
      return { kind, name, revision: flags.revision };
    }
    if (kind === "session" && flags.task !== undefined) {
      return { kind: "task", session: name, name: flags.task };
    }
    return { kind, name };
  }
  if (flags.application !== undefined) {
    return {
      kind: "app",
      name: flags.application,
      ...(flags.revision !== undefined && { revision: flags.revision }),
    };
  }
  if (flags.session !== undefined) {
    return flags.task === undefined
      ? { kind: "session", name: flags.session }
      : { kind: "task", session: flags.session, name: flags.task };
  }
  if (flags.node !== undefined) return { kind: "node", name: flags.node };
  throw unsupported("nothing to view", kinds);
}

// The server sends tasks in no order.
async function tasksInOrder(cluster: Cluster, sessionId: string): Promise<Task[]> {
  const tasks: Task[] = [];
  for await (const task of cluster.listTasks(sessionId)) tasks.push(task);
  return tasks.sort((a, b) => Number(a.id) - Number(b.id));
}
