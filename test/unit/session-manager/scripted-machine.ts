import type { Command } from "../../../src/core/commands.ts";
import { Turn } from "../../../src/kit/turn.ts";
import type { Change } from "../../../src/model/change.ts";
import { FlameError } from "../../../src/model/errors.ts";
import type { TaskReply } from "../../../src/model/task.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import type { StoreRoom } from "../../../src/storage/store.ts";
import { callToken, streamToken } from "../../support/tokens.ts";

/** A disk that takes its time: each commit is done when the test says so. */
export class SlowStore extends MemoryStore {
  /** What a disk has; without: no disk. */
  disk: StoreRoom | undefined;
  refuses = false;

  override room(): Promise<StoreRoom | undefined> {
    return Promise.resolve(this.disk);
  }

  override tryWrite(): Promise<void> {
    if (!this.refuses) return Promise.resolve();
    return Promise.reject(new FlameError("unavailable", "disk I/O error"));
  }

  readonly commits: { readonly changes: readonly Change[]; done: (failure?: Error) => void }[] = [];

  override commit(changes: readonly Change[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.commits.push({
        changes,
        done: (failure) => {
          if (failure === undefined) resolve();
          else reject(failure);
        },
      });
    });
  }
}

/** A machine that writes one change for each session it is asked for, and answers; "wait" is answered by a tick. */
export class ScriptedMachine {
  readonly turns: (readonly Command[])[] = [];
  readonly steadyTimes: number[] = [];
  readonly waiting: number[] = [];
  /** Streams of nodes: each turn that submits something sends "a" and "b" on them, which may leave early. */
  readonly streams: number[] = [];
  deadline: number | undefined;

  turn(commands: readonly Command[], now: number, steady: number): Turn<Change, FlameError> {
    this.turns.push(commands);
    this.steadyTimes.push(steady);
    const turn = new Turn<Change, FlameError>(now);
    for (const { kind, input, token } of commands) {
      if (kind === "session.delete") {
        turn.change({ kind: "session.delete", id: input.id });
        turn.reply(callToken<string>(token), input.id);
      } else if (kind === "session.get") turn.reply(callToken<string>(token), input.id);
      else if (kind === "task.create") turn.reply(callToken<string>(token), "created");
      else if (kind === "executor.complete") {
        turn.change({ kind: "executor.delete", id: input.id });
        turn.reply(callToken<string>(token), input.id);
      } else if (kind === "executor.launch") this.waiting.push(token);
      else if (kind === "task.watch") {
        const session = { id: input.sessionId, creationTime: 1 };
        const { taskId } = input;
        turn.push(streamToken<TaskReply>(token), { stored: { session, taskId } });
      } else if (kind === "node.work") this.streams.push(token);
      else if (kind === "submit.tasks") {
        turn.change({ kind: "session.delete", id: input.sessionId });
        turn.reply(callToken<string>(token), input.sessionId);
        for (const to of this.streams)
          for (const value of ["a", "b"]) turn.pushOrdered(streamToken<string>(to), value, true);
      } else if (kind === "tick")
        for (const one of this.waiting.splice(0)) turn.reply(callToken<object>(one), {});
    }
    return turn;
  }

  nextDeadline(): number | undefined {
    return this.deadline;
  }
}

/** Everything that does not wait for the disk has happened. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 10; round++) await new Promise((resolve) => setImmediate(resolve));
}
