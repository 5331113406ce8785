import { Metadata, type ServerDuplexStream } from "@grpc/grpc-js";
import type { SubmitReply } from "../../core/submit-batch.ts";
import { randomId } from "../../kit/ids.ts";
import { InOrder } from "../../kit/in-order.ts";
import { type Logger, tellsDebug } from "../../kit/logger.ts";
import { NumberedRuns } from "../../kit/numbered-runs.ts";
import { FlameError } from "../../model/errors.ts";
import type {
  ClientsServer,
  Follow,
  Input,
  Lane,
  Submits,
  TasksRequest,
  TasksResponse,
} from "../../protocol/generated/flame/stream/v1/clients.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";
import { readPrintable, requestIdKey } from "../../protocol/request-id.ts";
import type { EndedSubmit } from "../../sessions/submit-book.ts";
import type { Store } from "../../storage/store.ts";
import { doorOf } from "../calls/call-helpers.ts";
import type { CallLimits } from "../calls/call-limits.ts";
import type { RequestTrail } from "../calls/request-trail.ts";
import type { Engine } from "../engine/engine.ts";
import type { EngineDoor, Pending } from "../engine/engine-door.ts";
import type { Payloads } from "../engine/payloads.ts";
import type { FinishedTasks } from "../storage/finished-tasks.ts";
import { LaneAnswers, notAnswered, want } from "./lane-answers.ts";
import { checkedInput, followMax, numberOf, type OpenLane, timeoutsOf } from "./task-lane.ts";
import { LaneResults, TaskOutbox } from "./task-outbox.ts";

/** Submits that are carried out together: others have their turn between two of these. */
const batchMax = 128;
/** So many submits of a stream wait for their turn at most; then it is not read until half of them had it. */
const waitingMax = 2_048;
/** Lanes that one stream may open, those that have ended included. */
const lanesMax = 10_000;
const notAsked: Pending = { token: 0, cancel: () => undefined };
const producerText = /^[!-~]{1,128}$/;

export interface TaskStreamDeps {
  readonly engine: Pick<Engine, "of">;
  readonly payloads: Payloads;
  readonly store: Pick<Store, "readTasks" | "readSubmits">;
  readonly finished: Pick<FinishedTasks, "holdWhere">;
  readonly trail: RequestTrail;
  readonly logger: Logger;
  readonly limits: Pick<CallLimits, "takeBytes">;
  /** Does something after this turn of the event loop. */
  readonly soon: (act: () => void) => void;
}

type TasksCall = ServerDuplexStream<TasksRequest, TasksResponse>;

/** `flame.stream.v1.Clients`: submits and results in batches (docs/protocol.md, "Streams of clients"). */
export function clientsService(deps: TaskStreamDeps): ClientsServer {
  return {
    tasks: (call) => {
      new TaskStream(deps, call).serve();
    },
  };
}

/** One stream of one client. */
class TaskStream {
  readonly #deps: TaskStreamDeps;
  readonly #call: TasksCall;
  readonly #peer: string;
  readonly #door: EngineDoor;
  readonly #outbox: TaskOutbox;
  readonly #answers: LaneAnswers;
  readonly #requestId: string;
  readonly #lanes = new Map<number, OpenLane>();
  /** Bytes that are counted for it. */
  readonly #counted = new Set<() => void>();
  #waiting = 0;
  #ended = false;

  constructor(deps: TaskStreamDeps, call: TasksCall) {
    this.#deps = deps;
    this.#call = call;
    this.#peer = call.getPeer();
    this.#door = doorOf(deps.engine, call);
    this.#requestId = readPrintable(call.metadata.get(requestIdKey)) ?? randomId();
    this.#outbox = new TaskOutbox({
      call,
      payloads: deps.payloads,
      soon: deps.soon,
      onTaken: () => this.#readOn(),
      onFailed: (error) => this.#end(error),
    });
    this.#answers = new LaneAnswers({
      store: deps.store,
      outbox: this.#outbox,
      ask: (lane, { first, count }) => this.#ask(lane, first, count),
      fail: (lane, error) => this.#fail(lane, error),
    });
  }

  serve(): void {
    // The client takes them as the word that the service is there.
    this.#call.sendMetadata(new Metadata());
    this.#call.on("data", (message: TasksRequest) => {
      if (this.#ended) return;
      try {
        this.#take(message);
      } catch (thrown) {
        this.#end(FlameError.from(thrown));
      }
    });
    const gone = (): void => this.#end();
    for (const event of ["end", "cancelled", "error"] as const) this.#call.on(event, gone);
  }

  #take({ lanes, submits, follows, credit }: TasksRequest): void {
    for (const lane of lanes) {
      this.#open(lane);
      if (this.#ended) return;
    }
    if (credit !== undefined) this.#outbox.credit(credit.results, credit.bytes);
    for (const group of submits) this.#submit(group);
    for (const follow of follows) this.#follow(follow);
    if (this.#waiting >= waitingMax || this.#outbox.isFull) this.#call.pause();
  }

  #readOn(): void {
    if (this.#ended || !this.#call.isPaused()) return;
    if (this.#waiting <= waitingMax / 2 && !this.#outbox.isFull) this.#call.resume();
  }

  #open({ lane: id, sessionId, producer }: Lane): void {
    if (this.#lanes.has(id))
      throw new FlameError(
        "invalid_argument",
        `Tasks: lane ${id} is opened twice on this stream: choose another number`,
      );
    if (this.#lanes.size >= lanesMax)
      throw new FlameError(
        "resource_exhausted",
        `Tasks: a stream has at most ${lanesMax} lanes: open another stream`,
      );
    if (!producerText.test(producer))
      throw new FlameError(
        "invalid_argument",
        `Tasks: the producer of lane ${id} is ${JSON.stringify(producer.slice(0, 80))}: expected 1 to 128 printable characters without spaces, chosen at random`,
      );
    const results = new LaneResults(id, sessionId);
    const lane: OpenLane = {
      id,
      sessionId,
      producer,
      asked: new NumberedRuns(),
      wanted: new NumberedRuns(),
      results,
      answers: new InOrder((thrown) => this.#fail(lane, notAnswered(thrown))),
      letGo: this.#deps.finished.holdWhere(sessionId, (task) => results.isHeld(task)),
      pending: notAsked,
      over: false,
    };
    this.#lanes.set(id, lane);
    const sink = {
      push: (ended: EndedSubmit) => this.#push(lane, ended),
      end: (error?: FlameError) => {
        if (error !== undefined) this.#fail(lane, error);
      },
    };
    lane.pending = this.#door.stream("submit.open", { sessionId, producer }, sink);
  }

  /** The lane of a message; undefined when it has ended, which its client may not know yet. */
  #laneOf(id: number): OpenLane | undefined {
    const lane = this.#lanes.get(id);
    if (lane === undefined)
      throw new FlameError(
        "invalid_argument",
        `Tasks: lane ${id} was not opened on this stream: name its session and producer first`,
      );
    return lane.over ? undefined : lane;
  }

  #submit({ lane: id, first: wireFirst, follow, inputs }: Submits): void {
    const lane = this.#laneOf(id);
    if (lane === undefined || inputs.length === 0) return;
    const first = numberOf(wireFirst, `the first submit of lane ${id}`);
    for (let at = 0; at < inputs.length; at += batchMax) {
      const batch = inputs.slice(at, at + batchMax);
      this.#submitBatch(lane, first + at, batch, follow);
    }
  }

  #submitBatch(lane: OpenLane, first: number, batch: readonly Input[], follow: boolean): void {
    const { sessionId, producer } = lane;
    let bytes = 0;
    for (const { data } of batch) bytes += data?.length ?? 0;
    let inputs: readonly (Buffer | undefined | FlameError)[];
    let giveBack = (): void => undefined;
    try {
      giveBack = this.#count(bytes);
      inputs = batch.map(checkedInput);
    } catch (thrown) {
      const error = FlameError.from(thrown);
      inputs = batch.map(() => error);
    }
    this.#waiting += batch.length;
    const answer = (act: () => void | Promise<void>): void => {
      giveBack();
      lane.answers.run(() => {
        this.#waiting -= batch.length;
        this.#readOn();
        return act();
      });
    };
    let noted = false;
    this.#door.call(
      "submit.tasks",
      { sessionId, producer, first, inputs, ...timeoutsOf(batch) },
      (reply) => {
        if (!noted) this.#noteMade(sessionId, reply);
        answer(() => this.#answers.submitted(lane, { first, count: inputs.length }, reply, follow));
      },
      (error) => {
        answer(() => this.#fail(lane, error));
      },
      (reply) => {
        this.#noteMade(sessionId, reply);
        noted = true;
      },
    );
  }

  #count(bytes: number): () => void {
    const giveBack = this.#deps.limits.takeBytes(this.#peer, bytes);
    const once = (): void => {
      if (this.#counted.delete(once)) giveBack();
    };
    this.#counted.add(once);
    return once;
  }

  #noteMade(session: string, reply: SubmitReply): void {
    if (!("outcomes" in reply)) return;
    const { trail, logger } = this.#deps;
    const request = this.#requestId;
    for (const outcome of reply.outcomes) {
      if (outcome.kind !== "created") continue;
      const { firstTask, count } = outcome;
      trail.madeTasks(session, firstTask, count, request);
      if (!tellsDebug(logger)) continue;
      const task = String(firstTask);
      logger.debug({ rpc: "tasks", request, session, task, count }, "tasks created");
    }
  }

  #follow({ lane: id, first: wireFirst, count }: Follow): void {
    const lane = this.#laneOf(id);
    if (lane === undefined || count === 0) return;
    const first = numberOf(wireFirst, `the first number to follow of lane ${id}`);
    if (count > followMax)
      throw new FlameError(
        "invalid_argument",
        `Tasks: a Follow of lane ${id} names ${count} numbers, expected at most ${followMax}: send more than one`,
      );
    this.#ask(lane, first, count);
  }

  /** From now on the results of these are wanted: those that have ended leave at once. */
  #ask(lane: OpenLane, first: number, count: number): void {
    want(lane, first, count);
    const { sessionId, producer } = lane;
    this.#door.call(
      "submit.follow",
      { sessionId, producer, first, count },
      (reply) => lane.answers.run(() => this.#answers.followed(lane, { first, count }, reply)),
      (error) => lane.answers.run(() => this.#fail(lane, error)),
    );
  }

  #push(lane: OpenLane, ended: EndedSubmit): void {
    // It may be of a submit whose answer waits: only with that it is known that its result is wanted.
    if (lane.answers.isIdle) this.#result(lane, ended);
    else lane.answers.run(() => this.#result(lane, ended));
  }

  #result(lane: OpenLane, { number, task }: EndedSubmit): void {
    if (lane.over) return;
    if (lane.wanted.remove(number)) this.#outbox.result(lane.results, number, task.id, task);
  }

  /** Something that a lane brought cannot be carried out: the lane ends; the stream where it is not the lane's fault. */
  #fail(lane: OpenLane, error: FlameError): void {
    if (this.#ended || lane.over) return;
    if (error.code === "unavailable" || error.code === "resource_exhausted") {
      this.#end(error);
      return;
    }
    this.#leave(lane);
    const { code, details } = statusOf(error);
    this.#outbox.end({ lane: lane.id, code, message: details });
  }

  #leave(lane: OpenLane): void {
    if (lane.over) return;
    lane.over = true;
    lane.letGo();
    lane.pending.cancel();
    this.#outbox.forget(lane.results);
  }

  #end(error?: FlameError): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const lane of this.#lanes.values()) this.#leave(lane);
    for (const giveBack of [...this.#counted]) giveBack();
    this.#outbox.close();
    if (error === undefined) {
      this.#call.end();
      return;
    }
    const request = this.#requestId;
    this.#deps.logger.debug({ rpc: "tasks", request, reason: error.message }, "stream refused");
    this.#call.emit("error", statusOf(error));
  }
}
