import type { CallIds } from "../protocol/call-ids.ts";
import { callIds } from "../protocol/call-ids.ts";
import { shortened } from "./short-texts.ts";

/** What a call acts on, and how: names and ids alone, never a payload, a manifest or anything else that may be secret. */
export interface CallTarget {
  readonly applications?: readonly string[];
  readonly application?: string;
  readonly session?: string;
  readonly sessions?: readonly string[];
  readonly task?: string;
  /** How many tasks it names or brings. */
  readonly tasks?: number;
  readonly node?: string;
  readonly executor?: string;
  /** How many there are beyond those that are named. */
  readonly more?: number;
  /** What was asked for besides: `force`, `dry_run`, ... */
  readonly asked?: readonly string[];
}

/** Names of one kind in a line. */
export const namesMax = 20;

/** Where requests say what is to be done otherwise than usual. */
const flags = [
  ["dryRun", "dry_run"],
  ["force", "force"],
  ["continueOnError", "continue_on_error"],
  ["whenUnused", "when_unused"],
  ["pendingOnly", "pending_only"],
  ["close", "close"],
  ["follow", "follow"],
] as const;

interface Request {
  readonly application?: { readonly name?: string };
  readonly session?: { readonly application?: string };
  readonly documents?: readonly unknown[];
  readonly taskIds?: readonly string[];
}

interface Reply {
  readonly outcomes?: readonly { readonly name: string }[];
}

/** @param path of the RPC: a bare name is that of a node in some calls and of an application in the others */
export function targetOf(path: string, request: unknown, reply?: unknown): CallTarget | undefined {
  const asked = (request ?? {}) as Request & Readonly<Record<string, unknown>>;
  const { outcomes } = (reply ?? {}) as Reply;
  const ids = callIds(request, reply);
  const target = {
    ...named(path, asked, ids),
    ...(asked.documents !== undefined && documentsTarget(asked.documents, outcomes)),
    ...texts({ session: ids.session, task: ids.task, executor: ids.executor }),
    ...(asked.taskIds !== undefined && asked.taskIds.length > 0 && { tasks: asked.taskIds.length }),
    ...flagsOf(asked),
  };
  return Object.keys(target).length === 0 ? undefined : target;
}

function named(path: string, asked: Request, { name, node }: CallIds): CallTarget {
  const ofNode = path.endsWith("/ReleaseNode") || path.endsWith("/GetNode");
  return texts({
    application: asked.session?.application ?? (ofNode ? undefined : name),
    node: node ?? (ofNode ? name : undefined),
  });
}

/** Applications that are applied: their names stand in the answer alone, for manifests are read where they are checked. */
function documentsTarget(
  documents: readonly unknown[],
  outcomes: Reply["outcomes"],
): Pick<CallTarget, "applications" | "more"> {
  const names = (outcomes ?? [])
    .map(({ name }) => name)
    .filter((name) => name !== "")
    .slice(0, namesMax);
  const more = documents.length - names.length;
  return {
    ...(names.length > 0 && { applications: names.map((name) => shortened(name)) }),
    ...(more > 0 && { more }),
  };
}

function flagsOf(asked: Readonly<Record<string, unknown>>): Pick<CallTarget, "asked"> {
  const found = flags.filter(([key]) => asked[key] === true).map(([, name]) => name);
  return found.length === 0 ? {} : { asked: found };
}

function texts<K extends string>(
  of: Readonly<Record<K, string | undefined>>,
): { readonly [key in K]?: string } {
  const found = Object.entries<string | undefined>(of).flatMap(([key, value]) =>
    value === undefined || value === "" ? [] : [[key, shortened(value)]],
  );
  return Object.fromEntries(found) as { readonly [key in K]?: string };
}
