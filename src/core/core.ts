import { ApplicationBook } from "../application-registry/index.ts";
import { type CallToken, Turn } from "../kit/turn.ts";
import type { Caller } from "../model/caller.ts";
import type { Change } from "../model/change.ts";
import { FlameError } from "../model/errors.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import { unwatchTask } from "../sessions/watches.ts";
import { type AccessRule, accessRules } from "./access-rules.ts";
import { applicationHandlers } from "./application-commands.ts";
import { cancelHandlers } from "./cancel-commands.ts";
import type { Command, CommandKind, TokenOf } from "./commands.ts";
import { noteLeases, runDeadlines } from "./deadlines.ts";
import { executorHandlers } from "./executor-commands.ts";
import { type Handler, type Handlers, waits } from "./handler.ts";
import { nodeHandlers, streamBroke } from "./node-commands.ts";
import { type RestoredState, restoreState } from "./restore.ts";
import { runScheduler } from "./scheduling.ts";
import { sessionHandlers } from "./session-commands.ts";
import type { CoreOptions, CoreState } from "./state.ts";
import { submitHandlers } from "./submit-commands.ts";
import { taskHandlers } from "./task-commands.ts";
import { tellWarm } from "./warm-services.ts";
import { workBroke, workHandlers } from "./work-commands.ts";

/**
 * The deterministic machine: applications, sessions, tasks, executors, nodes and scheduling. No I/O, no clock, no
 * randomness inside: what it is given decides what it answers. It is ahead of the disk, and whoever runs it lets no
 * effect out before the changes of its turn and of all turns before it are durable, but what the turn names as early.
 */
export class Core {
  readonly #state: CoreState;

  /** Takes over what the store holds; nodes are not Ready until they register again, leases are kept for the grace time. */
  constructor(options: CoreOptions, stored: RestoredState, now: number, steady = now) {
    this.#state = restoreState(
      options,
      new ApplicationBook(stored.applications, options.applicationsMax, stored.manifestChars),
      stored,
      { now, steady },
    );
  }

  /**
   * Carries commands out in order, then everything that is due, then schedules once.
   * @param scope `commands`: nothing but these, while the disk takes nothing that nobody asked for
   */
  turn(
    commands: readonly Command[],
    now: number,
    steady = now,
    scope: "everything" | "commands" = "everything",
  ): FlameTurn {
    const turn: FlameTurn = new Turn<Change, FlameError>(now, steady);
    for (const command of commands) this.#handle(turn, command);
    if (scope === "everything") {
      runDeadlines(this.#state, turn);
      if (this.#state.scheduleWanted.isRaised) runScheduler(this.#state, turn);
    }
    if (this.#state.warm.changed) tellWarm(this.#state, turn);
    noteLeases(this.#state, turn);
    noteCounts(this.#state, turn);
    return turn;
  }

  /** Steady milliseconds at which the machine wants a tick; undefined when it waits for nothing. */
  nextDeadline(): number | undefined {
    const { deadlines, sessions } = this.#state;
    const [machine, tasks] = [deadlines.next(), sessions.taskDeadlines.next()];
    return machine === undefined || tasks === undefined
      ? (machine ?? tasks)
      : Math.min(machine, tasks);
  }

  /** Read by tests and metrics; never changed from outside. */
  get state(): CoreState {
    return this.#state;
  }

  #handle(turn: FlameTurn, command: Command): void {
    try {
      const handler = handlers[command.kind] as Handler<CommandKind>;
      const token = command.token as TokenOf<CommandKind>;
      const allowed = command.as && allowedTo(this.#state, command, command.as);
      const reply = handler(this.#state, turn, command.input, token);
      if (reply === waits) return;
      turn.reply(token as CallToken<typeof reply>, allowed?.(reply) ?? reply);
    } catch (thrown) {
      // Anything but a FlameError is a defect of ours: memory can no longer be trusted, so the process must end.
      if (!(thrown instanceof FlameError)) throw thrown;
      turn.fail(command.token, thrown);
    }
  }
}

/**
 * What is shown of the reply to whoever asks.
 * @throws FlameError not_found, permission_denied
 */
function allowedTo(
  state: CoreState,
  { kind, input }: Command,
  caller: Caller,
): (reply: unknown) => unknown {
  const { check, shown } = accessRules[kind] as AccessRule<"session.list">;
  check?.(state, caller, input);
  return (reply) => (shown === undefined ? reply : shown(state, caller, reply as never));
}

const handlers: Handlers<CommandKind> = {
  ...applicationHandlers,
  ...sessionHandlers,
  ...cancelHandlers,
  ...taskHandlers,
  ...submitHandlers,
  ...executorHandlers,
  ...nodeHandlers,
  ...workHandlers,
  cancel: (state, turn, { waiting }) => {
    forget(state, turn, waiting);
    return undefined;
  },
  tick: (state) => {
    // The safety net: a change that raised no flag is seen late, and not never.
    state.scheduleWanted.raise();
    return undefined;
  },
};

/** The counts of each session whose tasks the turn has changed: a start reads them, and counts no tasks. */
function noteCounts(state: CoreState, turn: FlameTurn): void {
  const changed = new Set<string>();
  for (const change of turn.changes) {
    if (change.kind === "task.put") changed.add(change.record.sessionId);
    else if (change.kind === "tasks.cancel") changed.add(change.sessionId);
  }
  for (const id of changed) {
    const entry = state.sessions.find(id);
    if (entry === undefined) continue;
    const { counts, lastTaskId } = entry;
    turn.change({ kind: "session.counts", id, counts: { ...counts }, lastTaskId });
  }
}

/** The caller of a waiting call went away: nobody is there to be answered. */
function forget(state: CoreState, turn: FlameTurn, waiting: Command): void {
  const { token } = waiting;
  switch (waiting.kind) {
    case "executor.bind": {
      const executor = state.executors.find(waiting.input.id);
      if (executor?.bindWaiter === token) executor.bindWaiter = undefined;
      return;
    }
    case "executor.launch": {
      const { id } = waiting.input;
      const executor = state.executors.find(id);
      const entry = executor === undefined ? undefined : state.sessionOf(executor);
      if (entry?.launchWaiters.get(id) !== token) return;
      entry.launchWaiters.delete(id);
      state.deadlines.clear("launch", id);
      return;
    }
    case "task.watch": {
      const entry = state.sessions.find(waiting.input.sessionId);
      if (entry !== undefined) unwatchTask(entry, waiting.input.taskId, token);
      return;
    }
    case "submit.open": {
      const entry = state.sessions.find(waiting.input.sessionId);
      if (entry?.hasSubmits === true) entry.submits.unfollow(waiting.input.producer, token);
      return;
    }
    case "application.watch":
      state.applicationWatches.delete(token as TokenOf<"application.watch">);
      return;
    case "node.work":
      workBroke(state, waiting.input.name, token);
      return;
    case "node.watch":
      streamBroke(state, turn, waiting.input.report.name, token);
      return;
    default:
      // Every other command has been answered in its own turn.
      return;
  }
}
