import { Metadata } from "@grpc/grpc-js";
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
import type { FinishedTasks } from "./finished-tasks.ts";
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
  readonly finished: FinishedTasks;
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

function watchCall(deps: TaskCallDeps): FrontendServer["watchTask"] {
  const { engine, payloads, replies, finished } = deps;
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
    // From the moment in which the machine says how the task ended until the client has been sent that.
    let letGo: (() => void) | undefined;
    const release = (): void => {
      letGo?.();
      letGo = undefined;
    };
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
          if (!over) {
            call.write(message, taken);
            return;
          }
          release();
          sendLast(call, message, taken);
        },
        end: () => {
          if (!over) call.end();
        },
        fail: (error) => {
          release();
          failStream(call, error);
        },
      },
      (reply) => payloads.task(reply),
    );
    const request = { sessionId: call.request.sessionId, taskId };
    const pending = engine.of(call.getPeer()).stream("task.watch", request, {
      push: (reply) => {
        if ("stored" in reply || isTerminal(reply.task.state))
          letGo ??= finished.hold(request.sessionId, taskId);
        writer.push(reply);
      },
      end: (error) => {
        writer.end(error);
      },
    });
    call.on("cancelled", () => {
      release();
      pending.cancel();
    });
  };
}

interface TaskSink extends Drainable, HeldCall {
  write(task: Task, taken: () => void): boolean;
  end(trailers?: Metadata): void;
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
      // Forgotten since the page was read: as if it had been before.
      if (deps.payloads.isForgotten(sessionId, record.id)) {
        taken();
        continue;
      }
      const keepsUp = sink.write(withPayloads(deps.payloads, record, room), taken);
      if (!keepsUp) await drained(sink);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < listPage) break;
    after = last.id;
  }
  sink.end(forgottenTrailers(deps.payloads.forgotten(sessionId)));
}

/** Tells whoever lists tasks how many that have ended are no longer there. */
function forgottenTrailers(count: number): Metadata {
  const trailers = new Metadata();
  if (count > 0) trailers.set("flame-forgotten-tasks", String(count));
  return trailers;
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
