import { type Command, InvalidArgumentError } from "@commander-js/extra-typings";
import type { AuditOptions } from "../../../client/index.ts";
import { durationMs } from "../../../config/units.ts";
import { type CliContext, withCluster } from "../../context.ts";
import { outputOption } from "../options.ts";

/** Adds `flmctl audit`. */
export function addAudit(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("audit")
    .description("Print who changed something or read everything, from where, and how it ended.")
    .option(
      "--since <when>",
      "only what was written since then: 30m, 24h, 7d, or a date and time",
      (text) => sinceOf(text, context.clock.now()),
    )
    .option("--who <name>", "only calls of this caller")
    .option(
      "--method <text>",
      "only calls of methods with this in their name: DeleteSession, Registry",
    )
    .option(
      "--what <name>",
      "only calls about the application, session, node, ... of this name or id",
    )
    .option("-f, --follow", "go on with lines as they are written")
    .addOption(outputOption(["table", "json"]))
    .addHelpText(
      "after",
      "\n-o json prints the lines as they stand in the file, one JSON object a line (docs/audit.md).\n" +
        "\nExamples:\n  flmctl audit --since 24h --who alice\n  flmctl audit --what flmrun --method Registry\n  flmctl audit -f -o json",
    )
    .action(async ({ since, output, follow, ...filter }) => {
      const options: AuditOptions = {
        ...filter,
        follow: follow === true,
        ...(since !== undefined && { since }),
      };
      await withCluster(context, program.opts().config, async (cluster) => {
        for await (const line of cluster.readAudit(options))
          context.terminal.out(`${output === "json" ? line : lineText(line)}\n`);
      });
    });
}

const dayMs = 86_400_000;

function sinceOf(text: string, now: number): Date {
  const days = /^(\d{1,6})d$/.exec(text)?.[1];
  const ago = days === undefined ? durationMs(text) : Number(days) * dayMs;
  const at = Number.isNaN(ago) ? Date.parse(text) : now - ago;
  if (!Number.isNaN(at)) return new Date(at);
  throw new InvalidArgumentError(
    `got "${text}", expected how long ago, such as 30m, 24h or 7d, or a date and time such as 2026-11-30T21:30:00Z`,
  );
}

type Line = Readonly<Record<string, unknown>>;

/** Columns that are wide enough for what is usual, so that lines can be printed as they come. */
function lineText(text: string): string {
  const line = JSON.parse(text) as Line;
  const { time, who, from, method, on, outcome, message, repeated, note } = line;
  const columns = [
    word(time).padEnd(24),
    word(who, "-").padEnd(12),
    word(from, "-").padEnd(21),
    word(outcome, "-").padEnd(9),
    word(method, "-").replace(/^.*\//, "").padEnd(21),
    ...targetWords(on),
    ...(repeated === undefined ? [] : [`${word(repeated)} times more`]),
    ...[message, note].filter((one) => one !== undefined).map((one) => word(one)),
  ];
  return columns.join(" ").trimEnd();
}

/** `session=a` for each thing. */
function targetWords(on: unknown): string[] {
  return Object.entries((on ?? {}) as Line).map(
    ([key, value]) => `${key}=${Array.isArray(value) ? value.join(",") : word(value)}`,
  );
}

const word = (value: unknown, absent = ""): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : absent;
