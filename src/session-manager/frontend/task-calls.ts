import { Metadata } from "@grpc/grpc-js";
import { sendLast } from "../../connections/last-message.ts";
import { FlameError } from "../../model/errors.ts";
import { payloadBytesMax } from "../../model/limits.ts";
import type { SessionKey } from "../../model/session.ts";
import { isTerminal, parseTaskId, type TaskRecord } from "../../model/task.ts";
import { timeoutOf } from "../../model/task-timeout.ts";
import type { FrontendServer } from "../../protocol/generated/flame/v1/frontend.ts";
import type { Task } from "../../protocol/generated/flame/v1/types.ts";
import { taskToWire } from "../../protocol/record-wire.ts";
import type { Store } from "../../storage/store.ts";
import {
  type Drainable,
  doorOf,
  drained,
  failStream,
  requiredField,
  unary,
} from "../calls/call-helpers.ts";
import type { HeldCall, ReplyHold } from "../calls/reply-hold.ts";
import { replyRoom } from "../calls/reply-size.ts";
import type { Engine } from "../engine/engine.ts";
import type { Payloads } from "../engine/payloads.ts";
import type { FinishedTasks } from "../storage/finished-tasks.ts";
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
      const { sessionId, input, timeout } = requiredField(task, "the task spec", "CreateTask");
      const timeoutMs = timeoutOf(timeout, "CreateTask: the timeout of the task");
      if (input !== undefined && input.length > payloadBytesMax) {
        throw new FlameError(
          "resource_exhausted",
          `the input has ${input.length} bytes, at most ${payloadBytesMax} fit; put the object into the cache and send its reference`,
        );
      }
      const created = await doorOf(engine, call).ask("task.create", {
        sessionId,
        ...(input !== undefined && { input }),
        ...(timeoutMs !== undefined && { timeoutMs }),
      });
      return taskToWire(pendingView(await payloads.task(created)), input, undefined);
    }),

    getTask: unary(async ({ taskId, sessionId }, call) => {
      const door = doorOf(engine, call);
      const found = await door.ask("task.get", { sessionId, taskId: parseTaskId(taskId) });
      const task = await payloads.task(found);
      const room = replyRoom(call.metadata);
      const bytes = sentBytes(task, room);
      if (!replies.isSmall(bytes)) await replies.take(call, bytes, { wait: false });
      return oneWithPayloads(payloads, task, room);
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
    const writer = new WatchWriter<WatchedTask>({
      atHand: (reply) => {
        if ("stored" in reply || !replies.isSmall(sentBytes(reply.task, room))) return undefined;
        const message = withPayloadsAtHand(payloads, reply.task, room);
        return message && { message, isLast: isTerminal(reply.task.state) };
      },
      record: (reply) => payloads.task(reply),
      room: (task) => replies.take(call, sentBytes(task, room), { wait: true }),
      read: async (task) => ({
        message: await oneWithPayloads(payloads, task, room),
        isLast: isTerminal(task.state),
      }),
      write: ({ message, isLast }, taken) => {
        // Clients drop the stream at a final state: it has to end with it.
        over = isLast;
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
    });
    const request = { sessionId: call.request.sessionId, taskId };
    const pending = doorOf(engine, call).stream("task.watch", request, {
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
      writer.end(new FlameError("aborted", "the call has ended"));
    });
  };
}

/** What a watch sends. */
interface WatchedTask {
  readonly message: Task;
  readonly isLast: boolean;
}

interface TaskSink extends Drainable, HeldCall {
  readonly metadata: Metadata;
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
  const { store, payloads, engine } = deps;
  const session = await doorOf(engine, sink).ask("task.list", { sessionId });
  let after = 0;
  for (;;) {
    const forgotten = payloads.forgotten(sessionId);
    const records = await store.readTasks(session, after, listPage);
    if (records === undefined)
      throw new FlameError("not_found", `session ${sessionId} not found: it has been deleted`);
    const page = { session, forgotten, small: await readSmall(deps, records, room) };
    for (const record of records) if (!(await listTask(deps, page, record, room, sink))) return;
    const last = records.at(-1);
    if (last === undefined || records.length < listPage) break;
    after = last.id;
  }
  sink.end(forgottenTrailers(payloads.forgotten(sessionId)));
}

/** What was read at once for a list. */
interface ListedPage {
  readonly session: SessionKey;
  /** Tasks of the session that were forgotten before. */
  readonly forgotten: number;
  /** What to send of the small ones, by id: the bytes of all others are read when there is room for them. */
  readonly small: ReadonlyMap<number, Task | "gone">;
}

async function readSmall(
  { payloads, replies }: TaskCallDeps,
  records: readonly TaskRecord[],
  room: number,
): Promise<ListedPage["small"]> {
  const small = records.filter((record) => replies.isSmall(sentBytes(record, room)));
  const read = await withPayloads(payloads, small, room);
  return new Map(read.map((message, at) => [small[at]?.id ?? 0, message]));
}

/** @returns false when the caller has gone */
async function listTask(
  { replies, payloads, store }: TaskCallDeps,
  { session, forgotten, small }: ListedPage,
  record: TaskRecord,
  room: number,
  sink: TaskSink,
): Promise<boolean> {
  const isThere = (): boolean => !sink.cancelled;
  if (!isThere()) return false;
  const taken = await replies.take(sink, sentBytes(record, room), { wait: true });
  try {
    const message = small.get(record.id) ?? (await withPayloads(payloads, [record], room))[0];
    const hasForgotten = payloads.forgotten(session.id) > forgotten;
    const isLeft = !hasForgotten || (await store.readTask(session, record.id)) !== undefined;
    if (message === "gone" && !hasForgotten) throw payloads.goneTask(session.id, record.id);
    // Forgotten since the page was read: as if it had been before.
    if (message === undefined || message === "gone" || !isLeft) taken();
    else if (isThere() && !sink.write(message, taken)) await drained(sink);
  } catch (thrown) {
    taken();
    throw thrown;
  }
  return isThere();
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

/** Whole tasks; without the input when both payloads would pass what the caller can receive. One read for each kind. */
async function withPayloads(
  payloads: Payloads,
  records: readonly TaskRecord[],
  room: number,
): Promise<(Task | "gone")[]> {
  const outputs = await payloads.read(records, "output");
  const whole = records.filter((record) => fitsWhole(record, room));
  const inputs = await payloads.read(whole, "input");
  let next = 0;
  return records.map((record, at) => {
    const output = outputs[at];
    const input = fitsWhole(record, room) ? inputs[next++] : undefined;
    return input === "gone" || output === "gone" ? "gone" : taskToWire(record, input, output);
  });
}

/** @throws FlameError not_found when the task was forgotten, or its session deleted, since its record was read. */
async function oneWithPayloads(
  payloads: Payloads,
  record: TaskRecord,
  room: number,
): Promise<Task> {
  const [message = "gone"] = await withPayloads(payloads, [record], room);
  if (message === "gone") throw payloads.goneTask(record.sessionId, record.id);
  return message;
}

/** The same, undefined when the store has to be read for it. */
function withPayloadsAtHand(
  payloads: Payloads,
  record: TaskRecord,
  room: number,
): Task | undefined {
  const input = fitsWhole(record, room) ? payloads.atHand(record, "input") : undefined;
  const output = payloads.atHand(record, "output");
  return input === "stored" || output === "stored" ? undefined : taskToWire(record, input, output);
}
