import { setTimeout as pause } from "node:timers/promises";
import type {
  AbsentApplication,
  RegistryApplication,
  RegistryChange,
  RegistryClient,
} from "../../../client/index.ts";
import { FlameError } from "../../../model/errors.ts";
import type { Terminal } from "../../output/terminal.ts";

type Watched = RegistryApplication | AbsentApplication;

/** One change of an application; `removed`: as it last was. */
export interface WatchedChange {
  readonly kind: "present" | "created" | "changed" | "removed";
  readonly application: Watched;
}

export interface WatchDeps {
  readonly registry: Pick<RegistryClient, "watch">;
  readonly terminal: Pick<Terminal, "err">;
  /** Ends the watch. Absent: the end of the process does. */
  readonly stop?: AbortSignal;
}

/** Milliseconds between two attempts to reach a session manager that is away. */
const RETRY_MS = 250;

/**
 * All applications as they are, as one list, then each change. A session manager that stops is waited for; then what
 * changed meanwhile is told.
 * @throws FlameError when there is no session manager to begin with, and whatever waiting does not mend
 */
export async function* watchApplications(
  deps: WatchDeps,
): AsyncGenerator<readonly WatchedChange[], void, void> {
  const known = new Map<string, Watched>();
  let state: "new" | "there" | "away" = "new";
  const stopped = (): boolean => deps.stop?.aborted === true;
  while (!stopped()) {
    try {
      for await (const changes of oneWatch(deps, known)) {
        if (state === "away") deps.terminal.err("Note: the session manager is back\n");
        if (state === "new" || changes.length > 0) yield changes;
        state = "there";
      }
    } catch (thrown) {
      const error = FlameError.from(thrown);
      if (stopped()) return;
      if (state === "new" || error.code !== "unavailable") throw error;
      if (state === "there")
        deps.terminal.err("Note: the session manager is away; waiting for it\n");
      state = "away";
    }
    await pause(RETRY_MS);
  }
}

/** One stream: first what differs from `known`, which then follows each change. */
async function* oneWatch(
  { registry, stop }: WatchDeps,
  known: Map<string, Watched>,
): AsyncGenerator<readonly WatchedChange[], void, void> {
  const present = new Map<string, Watched>();
  let synced = false;
  for await (const change of registry.watch(undefined, stop)) {
    if (change.kind === "synced") {
      const changes = differences(known, present);
      for (const one of changes) remember(known, one);
      synced = true;
      yield changes;
    } else if (!synced) present.set(change.application.name, change.application);
    else {
      remember(known, change);
      yield [change];
    }
  }
}

/** What happened between two looks at everything. */
function differences(
  before: ReadonlyMap<string, Watched>,
  now: ReadonlyMap<string, Watched>,
): readonly WatchedChange[] {
  const changes: WatchedChange[] = [];
  for (const [name, application] of now) {
    const was = before.get(name);
    if (was === undefined)
      changes.push({ kind: before.size === 0 ? "present" : "created", application });
    else if (visibleText(was) !== visibleText(application))
      changes.push({ kind: "changed", application });
  }
  for (const [name, application] of before) {
    if (!now.has(name)) changes.push({ kind: "removed", application });
  }
  return changes;
}

/** What a change of an application is a change of. */
function visibleText(application: Watched): string {
  const faults = application.faults.map(({ source, reason }) => [source, reason]);
  if (application.revision === undefined) return JSON.stringify(faults);
  const { creationTime, revision, state, owner } = application;
  return JSON.stringify([creationTime, revision.number, state, owner, faults]);
}

function remember(
  known: Map<string, Watched>,
  { kind, application }: Exclude<RegistryChange, { kind: "synced" }>,
): void {
  const gone = application.revision === undefined && application.faults.length === 0;
  if (kind === "removed" || gone) known.delete(application.name);
  else known.set(application.name, application);
}
