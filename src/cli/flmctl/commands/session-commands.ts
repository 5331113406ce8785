import type { Command } from "@commander-js/extra-typings";
import { type CliContext, withCluster } from "../../context.ts";
import { countOption, resourcesOption } from "../../flag-values.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";
import { cancelledText, tellBusyNodes } from "./cancel.ts";

type Program = Command<[], { config?: string }>;

const kinds = ["session"] as const;

/** Adds `flmctl create`, `close` and `delete`. */
export function addSessionCommands(program: Program, context: CliContext): void {
  addCreate(program, context);
  addClose(program, context);
  addDelete(program, context);
}

function addClose(program: Program, context: CliContext): void {
  oneSession(program, "close", "Close a session: its pending tasks are cancelled.")
    .option("--force", "end its running tasks as well: they are Failed, as cancelled")
    .action(async (word, positional, flags) => {
      const id = sessionId("close", word, positional ?? flags.session);
      await withCluster(context, program.opts().config, async (cluster) => {
        const { terminal } = context;
        const ended =
          flags.force === true
            ? await cluster.cancelTasks(id, undefined, { close: true })
            : undefined;
        const closed = await cluster.closeSession(id);
        terminal.out(`Session <${closed.id}> was closed.\n`);
        if (ended === undefined || ended.cancelled + ended.ended === 0) return;
        terminal.out(`${cancelledText(ended)}.\n`);
        tellBusyNodes(ended, terminal);
      });
    });
}

function addDelete(program: Program, context: CliContext): void {
  oneSession(program, "delete", "Delete a closed session with its tasks and events.").action(
    async (word, positional, flags) => {
      const id = sessionId("delete", word, positional ?? flags.session);
      await withCluster(context, program.opts().config, async (cluster) => {
        const deleted = await cluster.deleteSession(id);
        context.terminal.out(`Session <${deleted.id}> was deleted.\n`);
      });
    },
  );
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

/** A command that acts on one session. */
function oneSession(program: Program, verb: "close" | "delete", description: string) {
  return program
    .command(verb)
    .description(description)
    .addArgument(kindArgument("what it is", kinds))
    .argument("[id]", "the session's id")
    .option("-s, --session <id>", "the session's id, as the published tools take it")
    .addHelpText("after", `\nExample:\n  flmctl ${verb} session flmping-Sf4R2o`);
}

/** @throws FlameError invalid_config for another kind, or no session. */
function sessionId(verb: string, word: string | undefined, id: string | undefined): string {
  if (word !== undefined) kindOf(word, kinds);
  if (id === undefined) throw unsupported(`no session to ${verb}`, kinds);
  return id;
}
