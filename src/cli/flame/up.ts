import type { Command } from "@commander-js/extra-typings";
import { flameHome } from "../../config/flame-home.ts";
import type { FlameContext } from "./context.ts";
import { type LocalCluster, type LocalClusterOptions, startLocalCluster } from "./local-cluster.ts";

/** Adds `flame up`. */
export function addUp(program: Command, context: FlameContext): void {
  program
    .command("up")
    .description(
      "Start object cache, session manager and executor manager and keep them running until Ctrl-C.",
    )
    .option(
      "--config <file>",
      "flame-cluster.yaml (default: FLAME_HOME/conf, then ~/.flame, then built-in)",
    )
    .addHelpText("after", "\nExample:\n  FLAME_HOME=$HOME/flame flame up")
    .action(async ({ config }) => {
      await runUp(context, config);
    });
}

async function runUp(context: FlameContext, configFile: string | undefined): Promise<void> {
  const { terminal, env, clock, programsFolder } = context;
  const home = flameHome(env).root;
  const stopping = new AbortController();
  // From the first moment on: a Ctrl-C during the start stops what has been started.
  const interrupted = context.interrupted().then(() => {
    terminal.err("stopping; a second Ctrl-C ends everything at once\n");
    stopping.abort();
  });
  const options: LocalClusterOptions = {
    home,
    ...(configFile === undefined ? {} : { configFile }),
    env,
    programsFolder,
    clock,
    onEvent: (text) => terminal.err(`${text}\n`),
    signal: stopping.signal,
  };
  let cluster: LocalCluster;
  try {
    cluster = await startLocalCluster(options);
  } catch (thrown) {
    if (stopping.signal.aborted) return;
    throw thrown;
  }
  const settings =
    cluster.clientSettings.length === 0
      ? ""
      : `Clients need: export ${cluster.clientSettings.join(" ")}\n`;
  terminal.out(`Flame is up at ${cluster.endpoint} in ${home} until Ctrl-C.\n${settings}`);
  await interrupted;
  await cluster.close();
}
