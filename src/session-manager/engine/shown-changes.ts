import type { Command, CommandKind } from "../../core/commands.ts";
import type { Change } from "../../model/change.ts";

/** Commands that only look: they change nothing, and wait for nothing. */
const lookingKinds = [
  "application.get",
  "application.view",
  "application.list",
  "application.ofSession",
  "session.get",
  "session.list",
  "task.get",
  "task.list",
  "node.list",
  "node.get",
  "executor.list",
] as const satisfies readonly CommandKind[];

type Looking = Extract<Command, { kind: (typeof lookingKinds)[number] }>;

const looking = new Set<CommandKind>(lookingKinds);

/** Whether the command only looks. */
export function onlyLooks(command: Command): command is Looking {
  return looking.has(command.kind);
}

/** What changes touch, as far as somebody who looks could tell. */
export class ShownChanges {
  readonly #sessions = new Set<string>();
  #applications = false;
  #nodes = false;
  #executors = false;
  #openSessions = false;

  add(change: Change): void {
    switch (change.kind) {
      case "task.put":
        this.#sessions.add(change.record.sessionId);
        return;
      case "submits.put":
        this.#sessions.add(change.range.sessionId);
        return;
      case "tasks.cancel":
        this.#sessions.add(change.sessionId);
        return;
      case "session.counts":
        this.#sessions.add(change.id);
        return;
      case "session.put":
        this.#openSessions = true;
        this.#sessions.add(change.record.id);
        return;
      case "session.delete":
        this.#openSessions = true;
        this.#sessions.add(change.id);
        return;
      case "sessions.objectsDeleted":
        for (const id of change.ids) this.#sessions.add(id);
        return;
      case "application.put":
      case "application.delete":
        this.#applications = true;
        return;
      case "node.put":
      case "node.delete":
        this.#nodes = true;
        return;
      case "executor.put":
      case "executor.delete":
        this.#executors = true;
        return;
      default:
        change satisfies never;
    }
  }

  /** Whether the answer may show one of them. @param command any other than one that only looks may show all */
  by(command: Command): boolean {
    if (!onlyLooks(command)) return true;
    switch (command.kind) {
      case "application.get":
      case "application.list":
        return this.#applications;
      // It counts open sessions too.
      case "application.view":
        return this.#applications || this.#openSessions;
      case "application.ofSession":
      case "task.get":
      case "task.list":
        return this.#sessions.has(command.input.sessionId);
      case "session.get":
        return this.#sessions.has(command.input.id);
      case "session.list":
        return this.#sessions.size > 0;
      case "node.list":
      case "node.get":
        return this.#nodes;
      case "executor.list":
        return this.#executors;
      default:
        return command satisfies never;
    }
  }
}
