import type { Command } from "@commander-js/extra-typings";
import type { SessionInfo } from "../../../client/index.ts";
import type { Clock } from "../../../kit/clock.ts";
import { toYaml } from "../../../manifest/to-yaml.ts";
import { type CliContext, type Cluster, withCluster } from "../../context.ts";
import { jsonText, yamlText } from "../../output/documents.ts";
import { paddedTable, plainTable } from "../../output/table.ts";
import type { Terminal } from "../../output/terminal.ts";
import { naturalTime, timeOfDay } from "../../output/times.ts";
import { kindArgument, kindOf, unsupported } from "../kinds.ts";
import { type OutputForm, outputOption, publishedOutputOption } from "../options.ts";
import {
  applicationColumns,
  type Column,
  executorColumns,
  nodeColumns,
  nodeWarningColumn,
  registryColumns,
  sessionColumns,
} from "../show/list-columns.ts";
import { watchList } from "../show/list-watch.ts";
import {
  type ListedApplication,
  listApplications,
  listedDocument,
} from "../show/listed-application.ts";
import { executorDocument, nodeDocument, sessionDocument } from "../show/object-documents.ts";

const kinds = ["app", "session", "executor", "node"] as const;
type ListKind = (typeof kinds)[number];
const forms = ["table", "wide", "name", "json", "yaml"] as const;

export interface ListOptions {
  readonly kind: ListKind;
  readonly output: OutputForm;
  /** True for `list -a`: the published layout, times of day. */
  readonly published: boolean;
  readonly cluster: Cluster;
  readonly terminal: Terminal;
  readonly clock: Clock;
}

/** Adds `flmctl list`. */
export function addList(program: Command<[], { config?: string }>, context: CliContext): void {
  program
    .command("list")
    .description("List applications, sessions, executors or nodes.")
    .addArgument(kindArgument("what to list", kinds))
    .option("-a, --application", "list applications, in the published layout")
    .option("-s, --session", "list sessions, in the published layout")
    .option("-e, --executor", "list executors, in the published layout")
    .option("-n, --node", "list nodes, in the published layout")
    .option(
      "-w, --watch",
      "applications: go on with each change, over restarts of the session manager too",
    )
    .addOption(outputOption(forms))
    .addOption(publishedOutputOption(forms))
    .addHelpText(
      "after",
      "\nExamples:\n  flmctl list app\n  flmctl list app --watch\n  flmctl list session -o json\n  flmctl list -a",
    )
    .action(async (word, flags) => {
      const flagged = flaggedKind(flags);
      if (word === undefined && flagged === undefined) throw unsupported("nothing to list", kinds);
      const kind = word === undefined ? (flagged ?? "app") : kindOf(word, kinds);
      const output = flags.outputFormat ?? flags.output;
      const { terminal, clock } = context;
      if (flags.watch === true) {
        return watchList({ kind, output, context, config: program.opts().config });
      }
      await withCluster(context, program.opts().config, (cluster) =>
        runList({ kind, output, published: word === undefined, cluster, terminal, clock }),
      );
    });
}

/** One kind of things, fetched, and how to show them. */
interface Listing<T> {
  readonly items: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly document: (item: T) => object;
  readonly name: (item: T) => string;
}

/** Fetches and prints one listing. */
export async function runList(options: ListOptions): Promise<void> {
  const { cluster, output, terminal } = options;
  switch (options.kind) {
    case "app": {
      const items = options.published
        ? (await cluster.listApplications()).sort((a, b) => (a.name < b.name ? -1 : 1))
        : await listApplications(cluster, output !== "json");
      const columns = columnsOf(items);
      const listing = { items, columns, document: listedDocument, name };
      // What `register -f` takes, so that the whole list can be kept in a file and edited.
      const there = items.filter(({ state }) => state !== undefined);
      const yaml = (): string => there.map((app) => toYaml(app.name, app.spec)).join("---\n");
      terminal.out(output === "yaml" ? yaml() : listingText(options, listing));
      break;
    }
    case "session": {
      const items = (await cluster.listSessions()).sort(openFirst);
      const document = (item: SessionInfo): object => sessionDocument(item);
      terminal.out(listingText(options, { items, columns: sessionColumns, document, name: id }));
      break;
    }
    case "executor": {
      const items = await cluster.listExecutors();
      const listing = { items, columns: executorColumns, document: executorDocument, name: id };
      terminal.out(listingText(options, listing));
      break;
    }
    case "node": {
      const items = await cluster.listNodes();
      const warned = !options.published && items.some(({ warning }) => warning !== undefined);
      const columns = warned ? [...nodeColumns, nodeWarningColumn] : nodeColumns;
      const listing = { items, columns, document: nodeDocument, name };
      terminal.out(listingText(options, listing));
      break;
    }
  }
}

function columnsOf(items: readonly ListedApplication[]): readonly Column<ListedApplication>[] {
  const served = items.some(({ registry }) => registry !== undefined);
  return served ? [...applicationColumns, ...registryColumns] : applicationColumns;
}

const name = (item: { name: string }): string => item.name;
const id = (item: { id: string }): string => item.id;
const openFirst = (a: SessionInfo, b: SessionInfo): number =>
  Number(a.state === "Closed") - Number(b.state === "Closed");

function listingText<T>(options: ListOptions, listing: Listing<T>): string {
  switch (options.output) {
    case "json":
      return jsonText(listing.items.map(listing.document));
    case "yaml":
      return yamlText(listing.items.map(listing.document));
    case "name":
      return listing.items.map((item) => `${listing.name(item)}\n`).join("");
    case "table":
    case "wide":
      return tableText(options, listing);
  }
}

function tableText<T>(options: ListOptions, { items, columns }: Listing<T>): string {
  const { published, terminal, clock } = options;
  const shown = columns.filter((column) => column.wide !== true || options.output === "wide");
  const time = published ? timeOfDay : naturalTime(terminal, clock);
  const titles = shown.map(({ title }) => (published ? title : title.toUpperCase()));
  const rows = items.map((item) => shown.map((column) => column.cell(item, time)));
  return (published ? paddedTable : plainTable)([titles, ...rows]);
}

function flaggedKind(flags: {
  application?: true;
  session?: true;
  executor?: true;
  node?: true;
}): ListKind | undefined {
  if (flags.application === true) return "app";
  if (flags.session === true) return "session";
  if (flags.executor === true) return "executor";
  return flags.node === true ? "node" : undefined;
}
