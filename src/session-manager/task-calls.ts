import { FlameError } from "../model/errors.ts";
import { payloadBytesMax } from "../model/limits.ts";
import { parseTaskId, type TaskRecord } from "../model/task.ts";
import type { FrontendServer } from "../protocol/generated/flame/v1/frontend.ts";
import type { Task } from "../protocol/generated/flame/v1/types.ts";
import { taskToWire } from "../protocol/record-wire.ts";
import type { Store } from "../storage/store.ts";
import { type Drainable, drained, failStream, requiredField, unary } from "./call-helpers.ts";
import type { Engine } from "./engine.ts";
import type { Payloads } from "./payloads.ts";
import { replyRoom } from "./reply-size.ts";

type TaskCalls = Pick<FrontendServer, "createTask" | "getTask" | "watchTask" | "listTask">;

/** Tasks read from the store at a time while listing. */
const listPage = 200;

/** The task calls of the Frontend: docs/protocol.md, "Tasks". */
export function taskCalls(deps: {
  readonly engine: Engine;
  readonly payloads: Payloads;
  readonly store: Store;
}): TaskCalls {
  const { engine, payloads } = deps;
  return {
    createTask: unary(async ({ task }) => {
      const { sessionId, input } = requiredField(task, "the task spec", "CreateTask");
      if (input !== undefined && input.length > payloadBytesMax) {
        throw new FlameError(
          "resource_exhausted",
          `the input has ${input.length} bytes, at most ${payloadBytesMax} fit; put the object into the cache and send its reference`,
        );
      }
      const created = await engine.ask("task.create", {
        sessionId,
        ...(input !== undefined && { input }),
      });
      return { ...taskToWire(pendingView(payloads.task(created)), input, undefined) };
    }),

    getTask: unary(async ({ taskId, sessionId }, call) => {
      const found = await engine.ask("task.get", { sessionId, taskId: parseTaskId(taskId) });
      return withPayloads(payloads, payloads.task(found), replyRoom(call.metadata));
    }),

    watchTask: watchCall(engine, payloads),

    listTask: (call) => {
      void listTasks(deps, call.request.sessionId, replyRoom(call.metadata), call).catch(
        (thrown: unknown) => {
          failStream(call, thrown);
        },
      );
    },
  };
}

/** A task may have been handed out in the very turn that created it; the reply to CreateTask shows it as created. */
function pendingView(task: TaskRecord): TaskRecord {
  return { ...task, state: "Pending", events: [] };
}

function watchCall(engine: Engine, payloads: Payloads): FrontendServer["watchTask"] {
  return (call) => {
    const room = replyRoom(call.metadata);
    let taskId: number;
    try {
      taskId = parseTaskId(call.request.taskId);
    } catch (thrown) {
      failStream(call, thrown);
      return;
    }
    const pending = engine.stream(
      "task.watch",
      { sessionId: call.request.sessionId, taskId },
      {
        push: (value) => {
          const record = payloads.task(
            "state" in (value as object) ? { task: value as TaskRecord } : (value as never),
          );
          call.write(withPayloads(payloads, record, room));
        },
        end: (error) => {
          if (error === undefined) call.end();
          else failStream(call, error);
        },
      },
    );
    call.on("cancelled", () => {
      pending.cancel();
    });
  };
}

interface TaskSink extends Drainable {
  write(task: Task): boolean;
  end(): void;
  readonly cancelled: boolean;
}

/** All tasks of a session, a page at a time, no faster than the client reads. */
async function listTasks(
  deps: { readonly engine: Engine; readonly payloads: Payloads; readonly store: Store },
  sessionId: string,
  room: number,
  sink: TaskSink,
): Promise<void> {
  await deps.engine.ask("task.list", { sessionId });
  let after = 0;
  for (;;) {
    const page = deps.store.readTasks(sessionId, after, listPage);
    for (const record of page) {
      if (sink.cancelled) return;
      const keepsUp = sink.write(withPayloads(deps.payloads, record, room));
      if (!keepsUp) await drained(sink);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < listPage) break;
    after = last.id;
  }
  sink.end();
}

/** The whole task; without its input when both payloads would pass what the caller can receive. */
function withPayloads(payloads: Payloads, record: TaskRecord, room: number): Task {
  const fits = (record.inputBytes ?? 0) + (record.outputBytes ?? 0) <= room;
  return taskToWire(
    record,
    fits ? payloads.of(record, "input") : undefined,
    payloads.of(record, "output"),
  );
}
