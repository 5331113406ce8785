import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { FlameClient } from "../../client/index.ts";
import { type ClientConfig, loadClientConfig } from "../../config/client-config.ts";
import { parseEndpoint } from "../../config/endpoint.ts";
import { flameHome } from "../../config/flame-home.ts";
import { faultText } from "../../documents/fault.ts";
import { textOf } from "../../kit/thrown.ts";
import { readManifests } from "../../manifest/manifest.ts";
import { FlameError } from "../../model/errors.ts";
import { Controller } from "../../registry-controller/controller.ts";
import { Memory } from "../../registry-controller/memory.ts";
import type { DefaultsMode } from "../../registry-controller/wanted.ts";
import type { CliContext } from "../context.ts";
import { prepare, runProgram } from "../run-program.ts";
import { version } from "../version.ts";

/** What `flame-registry` needs beside the usual. */
export interface RegistryContext extends Pick<CliContext, "terminal" | "env" | "clock"> {
  /** Folder of the shipped applications. */
  readonly defaultsFolder: string;
  /** Resolves when the program is told to end (SIGINT, SIGTERM, SIGHUP). */
  readonly interrupted: () => Promise<void>;
}

interface Flags {
  readonly endpoint?: string | undefined;
  readonly config?: string | undefined;
  readonly directory?: string | undefined;
  readonly state?: string | undefined;
  readonly flameHome?: string | undefined;
  readonly defaults: DefaultsMode;
  readonly interval: number;
  readonly once?: true | undefined;
  readonly dryRun?: true | undefined;
}

/** Whether the cluster takes these is configured there: its answer counts. */
const SERVER_DECIDES = ["http", "https"];
/** One call may take so long. */
const CALL_TIMEOUT_MS = 15_000;
const EXAMPLES = `
Exit codes: 0 everything is in order (of a dry run: nothing would change); 1 something is not, or the cluster could not
be reached; 2 the command line is not understood.

Examples:
  flame-registry --endpoint http://flame.example:8080 --directory apps --state apps.state
  flame-registry --endpoint http://flame.example:8080 --directory apps --once --dry-run
  flame-registry --once --defaults=replace`;

/** The whole of flame-registry: runs one command line, tells its exit code. */
export async function flameRegistry(
  argv: readonly string[],
  context: RegistryContext,
): Promise<number> {
  const found = { inOrder: true };
  const program = new Command("flame-registry")
    .description("Keep the applications of any Flame cluster as a directory of manifests says.")
    .version(`flame-registry ${version}`, "-V, --version", "print the version")
    .option("--endpoint <url>", "the cluster, http(s)://HOST:PORT (default: as configured)")
    .option(
      "--directory <dir>",
      "folder of manifests (*.yaml, *.yml, *.json); without: defaults only",
    )
    .addOption(
      new Option(
        "--defaults <mode>",
        "shipped applications: register absent ones, replace, or none",
      )
        .choices(["absent", "replace", "none"] as const)
        .default("absent" as const),
    )
    .option("--state <file>", "remember what was created, so that it goes with its file")
    .option("--once", "one round, then exit")
    .option("--dry-run", "tell what would change, and change nothing; implies --once")
    .option("--interval <s>", "seconds between two looks at the cluster", secondsOption, 30)
    .option(
      "--flame-home <dir>",
      "what ${FLAME_HOME} in working_directory is on the cluster's nodes",
    )
    .option("--config <file>", "client configuration: TLS, token (default: ~/.flame/flame.yaml)")
    .addHelpText("after", EXAMPLES)
    .action(async (flags) => {
      found.inOrder = await run(flags, context);
    });
  const anyProgram = program as unknown as Command;
  prepare(anyProgram, context.terminal);
  const code = await runProgram(anyProgram, argv, context.terminal);
  return code === 0 && !found.inOrder ? 1 : code;
}

async function run(flags: Flags, context: RegistryContext): Promise<boolean> {
  const { terminal, env, clock } = context;
  const config = loadClientConfig({ path: flags.config, env });
  const endpoint = endpointOf(flags, config);
  const { credentials } = config;
  const memory = new Memory(flags.state, endpoint);
  const cluster = new FlameClient({ endpoint, ...credentials, callTimeoutMs: CALL_TIMEOUT_MS });
  const home = resolve(flags.flameHome ?? flameHome(env).root);
  // Nothing else keeps the process alive while it waits.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  try {
    const controller = new Controller({
      cluster,
      memory,
      clock,
      directory: flags.directory === undefined ? undefined : resolve(flags.directory),
      defaultsFolder: context.defaultsFolder,
      defaults: flags.defaults,
      readText: async (text, path) => {
        const manifests = readManifests(text, { flameHome: home, allowedSchemes: SERVER_DECIDES });
        const warnings = manifests.flatMap((one) => (one.ok ? one.warnings : []));
        for (const one of warnings) terminal.err(`Warning: ${faultText(one, path)}\n`);
        return manifests;
      },
      dryRun: flags.dryRun === true,
      intervalMs: flags.interval * 1000,
      tell: (line) => terminal.out(`${line}\n`),
      warn: (line) => terminal.err(`Warning: ${line}\n`),
    });
    if (flags.once === true || flags.dryRun === true) return await controller.once();
    await controller.run(context.interrupted());
    return true;
  } finally {
    clearInterval(keepAlive);
    cluster.close();
  }
}

/** @throws FlameError invalid_config */
function endpointOf({ endpoint }: Flags, config: ClientConfig): string {
  if (endpoint === undefined) return config.endpoint.url;
  try {
    return parseEndpoint(endpoint, ["http", "https"], 8080).url;
  } catch (cause) {
    throw new FlameError("invalid_config", `--endpoint: ${textOf(cause)}`, { cause });
  }
}

function secondsOption(text: string): number {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError(`got "${text}", expected whole seconds from 1 to 86400`);
}
