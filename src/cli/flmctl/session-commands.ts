import type { Command } from "@commander-js/extra-typings";
import { type CliContext, withCluster } from "../context.ts";
import { countOption, resourcesOption } from "../flag-values.ts";
import { kindArgument, kindOf, unsupported } from "./kinds.ts";

type Program = Command<[], { config?: string }>;

const kinds = ["session"] as const;

/** Adds `flmctl create`, `close` and `delete`. */
export function addSessionCommands(program: Program, context: CliContext): void {
  addCreate(program, context);
  addOne(program, context, {
    verb: "close",
    description: "Close a session: its pending tasks are cancelled.",
    act: async (cluster, id) => (await cluster.closeSession(id)).id,
  });
  addOne(program, context, {
    verb: "delete",
    description: "Delete a closed session with its tasks and events.",
    act: async (cluster, id) => (await cluster.deleteSession(id)).id,
  });
}

function addCreate(program: Program, context: CliContext): void {
  const create = program
    .command("create")
    .description("Create a session of an application.")
    .addArgument(kindArgument("what to create", kinds))
    .argument("[application]", "the application")
    .option("-a, --app <name>", "the application, as the published tools take it")
    .option("-p, --priority <n>", "higher goes first", countOption, 0)
    .option("-r, --resreq <resources>", "for each executor, such as cpu=1,mem=1g", resourcesOption)
    .addHelpText(
      "after",
      "\nExamples:\n  flmctl create session flmping\n  flmctl create -a flmping -p 10 -r cpu=1,mem=512m",
    )
    .action(async (word, positional, { app, priority, resreq }) => {
      if (word !== undefined) kindOf(word, kinds);
      const application = positional ?? app;
      if (application === undefined) {
        return create.error("error: required option '-a, --app <name>' not specified");
      }
      await withCluster(context, program.opts().config, async (cluster) => {
        const spec = { application, priority, ...(resreq === undefined ? {} : { resreq }) };
        const session = await cluster.createSession(spec, undefined, { keep: true });
        context.terminal.out(`Session <${session.id}> was created.\n`);
      });
    });
}

interface OneSession {
  readonly verb: "close" | "delete";
  readonly description: string;
  readonly act: (cluster: ReturnType<CliContext["connect"]>, id: string) => Promise<string>;
}

function addOne(
  program: Program,
  context: CliContext,
  { verb, description, act }: OneSession,
): void {
  program
    .command(verb)
    .description(description)
    .addArgument(kindArgument("what it is", kinds))
    .argument("[id]", "the session's id")
    .option("-s, --session <id>", "the session's id, as the published tools take it")
    .addHelpText("after", `\nExample:\n  flmctl ${verb} session flmping-Sf4R2o`)
    .action(async (word, positional, flags) => {
      if (word !== undefined) kindOf(word, kinds);
      const id = positional ?? flags.session;
      if (id === undefined) throw unsupported(`no session to ${verb}`, kinds);
      await withCluster(context, program.opts().config, async (cluster) => {
        const done = await act(cluster, id);
        context.terminal.out(`Session <${done}> was ${verb}d.\n`);
      });
    });
}
