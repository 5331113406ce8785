import { FlameError } from "../../../model/errors.ts";
import type { CliContext } from "../../context.ts";
import { GrowingTable } from "../../output/table.ts";
import { naturalTime } from "../../output/times.ts";
import type { OutputForm } from "../options.ts";
import { withRegistry } from "../registry-access.ts";
import { applicationColumns, type Column, registryColumns } from "./list-columns.ts";
import {
  type ListedApplication,
  listedDocument,
  listedFromRegistry,
} from "./listed-application.ts";
import { type WatchedChange, watchApplications } from "./watch-applications.ts";

export interface ListWatchOptions {
  readonly kind: string;
  readonly output: OutputForm;
  readonly context: CliContext;
  readonly config: string | undefined;
}

type Row = ListedApplication & { readonly change: WatchedChange["kind"] };

/** Prints all applications, then a line for each change, until it is stopped. */
export async function watchList({
  kind,
  output,
  context,
  config,
}: ListWatchOptions): Promise<void> {
  if (kind !== "app") throw refused(kind, "app: only applications can be watched");
  if (!["table", "wide", "json"].includes(output))
    throw refused(`-o ${output}`, "-o table, wide or json");
  const { terminal, stop } = context;
  const text = output === "json" ? jsonLines : tableLines(output === "wide", context);
  await withRegistry(context, config, "repeat flmctl list app", async (registry) => {
    const deps = { registry, terminal, ...(stop !== undefined && { stop }) };
    for await (const changes of watchApplications(deps)) {
      const rows = changes.map(({ kind: change, application }) => ({
        ...listedFromRegistry(application),
        change,
      }));
      terminal.out(text(rows));
    }
  });
}

function refused(got: string, expected: string): FlameError {
  return new FlameError("invalid_config", `--watch: got ${got}, expected ${expected}`);
}

function tableLines(
  wide: boolean,
  { terminal, clock }: CliContext,
): (rows: readonly Row[]) => string {
  const change: Column<Row> = {
    title: "Change",
    cell: (row) => (row.change === "present" ? "" : row.change),
  };
  const [name, ...rest] = [...applicationColumns, ...registryColumns];
  const all: readonly (Column<Row> | undefined)[] = [name, change, ...rest];
  const columns = all
    .filter((column) => column !== undefined)
    .filter((column) => wide || column.wide !== true);
  const table = new GrowingTable();
  let titles: readonly string[][] = [columns.map(({ title }) => title.toUpperCase())];
  const time = naturalTime(terminal, clock);
  return (rows) => {
    const cells = rows.map((row) => columns.map((column) => column.cell(row, time)));
    const text = table.add([...titles, ...cells]);
    titles = [];
    return text;
  };
}

/** One document on each line. */
function jsonLines(rows: readonly Row[]): string {
  return rows
    .map((row) => `${JSON.stringify({ change: row.change, ...listedDocument(row) })}\n`)
    .join("");
}
