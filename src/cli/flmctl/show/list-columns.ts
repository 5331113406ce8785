import type { Executor, Node, SessionInfo } from "../../../client/index.ts";
import { formatMemory, formatResources } from "../../../model/resources.ts";
import { type ListedApplication, statusText } from "./listed-application.ts";

/** One column of a listing. */
export interface Column<T> {
  /** As the flag forms write it; the natural forms write it in capitals. */
  readonly title: string;
  readonly cell: (item: T, time: (at: Date) => string) => string;
  /** Shown with `-o wide` only. */
  readonly wide?: true;
}

export const applicationColumns: readonly Column<ListedApplication>[] = [
  { title: "Name", cell: (app) => app.name },
  { title: "State", cell: (app) => app.state ?? "" },
  { title: "Shim", cell: (app) => (app.state === undefined ? "" : (app.spec.shim ?? "Host")) },
  { title: "Tags", cell: (app) => (app.spec.labels ?? []).join(", ") },
  {
    title: "Created",
    cell: ({ creationTime }, time) => (creationTime === undefined ? "" : time(creationTime)),
  },
  { title: "Command", cell: (app) => app.spec.command ?? "" },
  { title: "Url", cell: (app) => app.spec.url ?? "", wide: true },
  { title: "Installer", cell: (app) => app.spec.installer ?? "", wide: true },
];

/** What only the registry knows; behind the others, since a fault is long. */
export const registryColumns: readonly Column<ListedApplication>[] = [
  {
    title: "Revision",
    cell: ({ registry }) => registry?.revision?.number.toString() ?? "",
    wide: true,
  },
  {
    title: "Owner",
    cell: ({ registry }) => (registry?.revision === undefined ? "" : (registry.owner ?? "")),
    wide: true,
  },
  { title: "Status", cell: statusText },
];

export const sessionColumns: readonly Column<SessionInfo>[] = [
  { title: "ID", cell: (session) => session.id },
  { title: "State", cell: (session) => session.state },
  { title: "App", cell: (session) => session.application },
  {
    title: "Resources",
    cell: ({ resreq }) => (resreq === undefined ? "" : formatResources(resreq)),
  },
  { title: "Priority", cell: (session) => String(session.priority) },
  { title: "Pending", cell: (session) => String(session.pending) },
  { title: "Running", cell: (session) => String(session.running) },
  { title: "Succeed", cell: (session) => String(session.succeed) },
  { title: "Failed", cell: (session) => String(session.failed) },
  { title: "Created", cell: (session, time) => time(session.creationTime) },
  { title: "Cancelled", cell: (session) => String(session.cancelled), wide: true },
  { title: "Min", cell: (session) => String(session.minInstances), wide: true },
  { title: "Max", cell: (session) => session.maxInstances?.toString() ?? "", wide: true },
];

export const executorColumns: readonly Column<Executor>[] = [
  { title: "ID", cell: (executor) => executor.id },
  { title: "State", cell: (executor) => executor.state },
  { title: "Session", cell: (executor) => executor.sessionId ?? "" },
  { title: "Node", cell: (executor) => executor.node },
  {
    title: "Resources",
    cell: ({ resreq }) => (resreq === undefined ? "" : formatResources(resreq)),
    wide: true,
  },
];

export const nodeColumns: readonly Column<Node>[] = [
  { title: "NAME", cell: (node) => node.name },
  { title: "HOSTNAME", cell: (node) => node.hostname },
  { title: "STATUS", cell: (node) => node.state },
  { title: "CPU", cell: (node) => String(node.capacity.cpu) },
  { title: "MEMORY", cell: (node) => formatMemory(node.capacity.memory) },
  { title: "ARCH", cell: (node) => node.arch },
  { title: "OS", cell: (node) => node.os },
  { title: "GPU", cell: (node) => String(node.capacity.gpu), wide: true },
  { title: "ALLOCATABLE", cell: (node) => formatResources(node.allocatable), wide: true },
];

/** Follows when there is something to warn of; never in the published layout. */
export const nodeWarningColumn: Column<Node> = {
  title: "WARNING",
  cell: (node) => node.warning ?? "-",
};
