import { sendLast } from "../connections/last-message.ts";
import { FlameError } from "../model/errors.ts";
import { payloadBytesMax } from "../model/limits.ts";
import { isTerminal, parseTaskId, type TaskRecord } from "../model/task.ts";
import type { FrontendServer } from "../protocol/generated/flame/v1/frontend.ts";
import type { Task } from "../protocol/generated/flame/v1/types.ts";
import { taskToWire } from "../protocol/record-wire.ts";
import type { Store } from "../storage/store.ts";
import { type Drainable, drained, failStream, requiredField, unary } from "./call-helpers.ts";
import type { Engine } from "./engine.ts";
import type { Payloads } from "./payloads.ts";
import type { HeldCall, ReplyHold } from "./reply-hold.ts";
import { replyRoom } from "./reply-size.ts";
import { WatchWriter } from "./watch-writer.ts";

type TaskCalls = Pick<FrontendServer, "createTask" | "getTask" | "watchTask" | "listTask">;

export interface TaskCallDeps {
  readonly engine: Engine;
  readonly payloads: Payloads;
  readonly store: Store;
  readonly replies: ReplyHold;
}

/** Tasks read from the store at a time while listing: what a client that does not read keeps waiting. */
const listPage = 25;

/** The task calls of the Frontend: docs/protocol.md, "Tasks". */
export function taskCalls(deps: TaskCallDeps): TaskCalls {
  const { engine, payloads, replies } = deps;
  return {
    createTask: unary(async ({ task }, call) => {
      const { sessionId, input } = requiredField(task, "the task spec", "CreateTask");
      if (input !== undefined && input.length > payloadBytesMax) {
        throw new FlameError(
          "resource_exhausted",
          `the input has ${input.length} bytes, at most ${payloadBytesMax} fit; put the object into the cache and send its reference`,
        );
      }
      const created = await engine.of(call.getPeer()).ask("task.create", {
        sessionId,
        ...(input !== undefined && { input }),
      });
      return taskToWire(pendingView(payloads.task(created)), input, undefined);
    }),

    getTask: unary(async ({ taskId, sessionId }, call) => {
      const door = engine.of(call.getPeer());
      const found = await door.ask("task.get", { sessionId, taskId: parseTaskId(taskId) });
      const task = payloads.task(found);
      const room = replyRoom(call.metadata);
      const bytes = sentBytes(task, room);
      if (!replies.isSmall(bytes)) await replies.take(call, bytes, { wait: false });
      return withPayloads(payloads, task, room);
    }),

    watchTask: watchCall(deps),

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

function watchCall({ engine, payloads, replies }: TaskCallDeps): FrontendServer["watchTask"] {
  return (call) => {
    const room = replyRoom(call.metadata);
    let taskId: number;
    try {
      taskId = parseTaskId(call.request.taskId);
    } catch (thrown) {
      failStream(call, thrown);
      return;
    }
    let over = false;
    const writer = new WatchWriter(
      {
        room: (task) => {
          const bytes = sentBytes(task, room);
          return replies.isSmall(bytes) ? undefined : replies.take(call, bytes, { wait: true });
        },
        write: (task, taken) => {
          const message = withPayloads(payloads, task, room);
          // Clients drop the stream at a final state: it has to end with it.
          over = isTerminal(task.state);
          if (over) sendLast(call, message, taken);
          else call.write(message, taken);
        },
        end: () => {
          if (!over) call.end();
        },
        fail: (error) => {
          failStream(call, error);
        },
      },
      (reply) => payloads.task(reply),
    );
    const request = { sessionId: call.request.sessionId, taskId };
    const pending = engine.of(call.getPeer()).stream("task.watch", request, writer);
    call.on("cancelled", () => {
      pending.cancel();
    });
  };
}

interface TaskSink extends Drainable, HeldCall {
  write(task: Task, taken: () => void): boolean;
  end(): void;
  on(event: "drain" | "close" | "cancelled", listener: () => void): unknown;
}

/** All tasks of a session, a page at a time, no faster than the client reads. */
async function listTasks(
  deps: TaskCallDeps,
  sessionId: string,
  room: number,
  sink: TaskSink,
): Promise<void> {
  await deps.engine.of(sink.getPeer()).ask("task.list", { sessionId });
  let after = 0;
  for (;;) {
    const page = deps.store.readTasks(sessionId, after, listPage);
    for (const record of page) {
      if (sink.cancelled) return;
      const taken = await deps.replies.take(sink, sentBytes(record, room), { wait: true });
      const keepsUp = sink.write(withPayloads(deps.payloads, record, room), taken);
      if (!keepsUp) await drained(sink);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < listPage) break;
    after = last.id;
  }
  sink.end();
}

/** Whether both payloads are within what the caller can receive. */
function fitsWhole({ inputBytes = 0, outputBytes = 0 }: TaskRecord, room: number): boolean {
  return inputBytes + outputBytes <= room;
}

/** Bytes of payload that {@link withPayloads} will send. */
function sentBytes(record: TaskRecord, room: number): number {
  return (record.outputBytes ?? 0) + (fitsWhole(record, room) ? (record.inputBytes ?? 0) : 0);
}

/** The whole task; without its input when both payloads would pass what the caller can receive. */
function withPayloads(payloads: Payloads, record: TaskRecord, room: number): Task {
  return taskToWire(
    record,
    fitsWhole(record, room) ? payloads.of(record, "input") : undefined,
    payloads.of(record, "output"),
  );
}
