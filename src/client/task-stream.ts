import { setTimeout as delay } from "node:timers/promises";
import {
  type ClientDuplexStream,
  type ServiceError,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import { Backoff } from "../kit/backoff.ts";
import type { Clock } from "../kit/clock.ts";
import { FlameError } from "../model/errors.ts";
import { type LaneEnd, type TasksRequest } from "../protocol/generated/flame/stream/v1/clients.ts";
import { type IncomingTasks, readIncomingTasks } from "../protocol/incoming-results.ts";
import { clientsDefinition } from "../protocol/stream-services.ts";
import type { FrontendClient } from "./frontend-client.ts";
import { OutgoingBatch } from "./outgoing-batch.ts";
import { codeOfStatus } from "./rpc-error.ts";
import { SendWindow } from "./send-window.ts";
import type { LaneHost, SubmitLane } from "./submit-lane.ts";

/** Results that may be under way to this client, and bytes of their outputs. */
const creditResults = 4_096;
const creditBytes = 8 * 1024 * 1024;
/** Lanes that are opened on one stream; a server takes 10,000. */
const lanesMax = 8_000;
/** Inputs of one lane in one message, at least, where many lanes have some. */
const quotaMin = 32;
const quotaAll = 1_024;
/** A server that does not answer for so long is taken for one that is away. */
const answerMs = 60_000;
/** A stream without work stays open for so long: it keeps the process alive, and counts for the server. */
const idleMs = 1_000;
/** A stream that stood for so long ends a search that had begun before it. */
const stoodMs = 5_000;
const firstPauseMs = 50;
const longestPauseMs = 2_000;

export interface TaskStreamDeps {
  readonly rpc: Pick<FrontendClient, "duplex" | "failure">;
  readonly clock: Clock;
  /** For so long it tries to come back. */
  readonly reconnectTimeoutMs: number;
  /** The session manager does not have the service. */
  readonly onUnimplemented: () => void;
  /** The stream is not used any more. */
  readonly onLeft: (stream: TaskStream) => void;
}

const method = { ...clientsDefinition.tasks, responseDeserialize: readIncomingTasks };

type Call = ClientDuplexStream<TasksRequest, IncomingTasks>;

/**
 * One stream of `flame.stream.v1.Clients` and the lanes on it (docs/protocol.md, "Streams of clients"). It opens with the
 * first thing to send, comes back after it broke, and ends when no lane needs it.
 */
export class TaskStream implements LaneHost {
  readonly window = new SendWindow();
  readonly #deps: TaskStreamDeps;
  readonly #lanes = new Map<number, SubmitLane>();
  /** Lanes with something that has not ended. */
  readonly #busy = new Set<SubmitLane>();
  /** Lanes with something to send; each in turn. */
  readonly #ready = new Set<SubmitLane>();
  readonly #backoff = new Backoff(firstPauseMs, longestPauseMs);
  readonly #closing = new AbortController();
  #isOver = false;
  #call: Call | undefined;
  #nextWire = 1;
  #planned = false;
  /** The last message has not left, or nothing may leave before the server has answered. */
  #underWay = false;
  #waitsForAnswer = false;
  /** The server's headers came. */
  #isOpen = false;
  #answered = false;
  #pausing = false;
  #openedAt = 0;
  #lostAt: number | undefined;
  #dueResults = 0;
  #dueBytes = 0;
  #idleSince = 0;
  #watchesIdle = false;

  constructor(deps: TaskStreamDeps) {
    this.#deps = deps;
  }

  get hasRoom(): boolean {
    return this.#nextWire <= lanesMax && !this.#isOver;
  }

  ready(lane: SubmitLane): void {
    this.#busy.add(lane);
    this.#ready.add(lane);
    this.#plan();
  }

  pause(lane: SubmitLane, pauseMs: number): void {
    this.#deps.clock.after(pauseMs, () => lane.goOn());
  }

  giveCredit(results: number, bytes: number): void {
    this.#dueResults += results;
    this.#dueBytes += bytes;
    if (this.#owesCredit) this.#plan();
  }

  close(error: FlameError): void {
    const isNeeded = this.#busy.size > 0;
    const call = this.#leave();
    this.#failAll(error);
    if (isNeeded) call?.cancel();
    else call?.end();
  }

  get #owesCredit(): boolean {
    return this.#dueResults >= creditResults / 4 || this.#dueBytes >= creditBytes / 4;
  }

  #plan(): void {
    if (this.#planned || this.#underWay || this.#waitsForAnswer || this.#pausing) return;
    if (this.#isOver) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#underWay || this.#waitsForAnswer || this.#pausing || this.#isOver) return;
    const call = this.#call ?? (this.#ready.size > 0 ? this.#open() : undefined);
    if (call === undefined) return;
    const batch = new OutgoingBatch();
    this.#gather(batch);
    if (batch.isEmpty) return;
    this.#underWay = true;
    this.#waitsForAnswer = !this.#isOpen;
    call.write(batch.request, () => {
      if (call !== this.#call) return;
      this.#underWay = false;
      if (this.#ready.size > 0 || this.#owesCredit) this.#plan();
    });
  }

  #gather(batch: OutgoingBatch): void {
    if (this.#owesCredit) {
      batch.request.credit = { results: this.#dueResults, bytes: this.#dueBytes };
      this.#dueResults = 0;
      this.#dueBytes = 0;
    }
    const quota = Math.max(quotaMin, Math.floor(quotaAll / this.#ready.size));
    const withMore: SubmitLane[] = [];
    for (const lane of this.#ready) {
      if (batch.isFull) break;
      this.#ready.delete(lane);
      const wire = lane.fill(batch, this.#nextWire, quota);
      if (wire === this.#nextWire) {
        this.#nextWire++;
        this.#lanes.set(wire, lane);
      }
      if (lane.hasMore) withMore.push(lane);
      else this.#look(lane);
    }
    for (const lane of withMore) this.#ready.add(lane);
  }

  #open(): Call {
    const call: Call = this.#deps.rpc.duplex(method);
    this.#call = call;
    this.#isOpen = false;
    this.#answered = false;
    this.#openedAt = this.#deps.clock.steady();
    this.#dueResults = creditResults;
    this.#dueBytes = creditBytes;
    const timer = this.#deps.clock.after(answerMs, () => call.cancel());
    call.once("metadata", () => {
      timer.cancel();
      if (call !== this.#call) return;
      this.#isOpen = true;
      this.#waitsForAnswer = false;
      this.#plan();
    });
    call.on("data", (response: IncomingTasks) => {
      if (call === this.#call) this.#take(response);
    });
    call.on("error", (error: ServiceError) => {
      timer.cancel();
      if (call === this.#call) this.#lost(this.#deps.rpc.failure(error));
    });
    call.on("status", ({ code }: StatusObject) => {
      timer.cancel();
      if (call === this.#call && code === status.OK)
        this.#lost(new FlameError("unavailable", "the session manager ended the stream of tasks"));
    });
    return call;
  }

  #take({ acknowledgements, refusals, results, ends }: IncomingTasks): void {
    this.#answered = true;
    this.#lostAt = undefined;
    this.#backoff.reset();
    const call = this.#call;
    for (const one of acknowledgements) this.#lanes.get(one.lane)?.acknowledge(one);
    for (const one of refusals) this.#lanes.get(one.lane)?.refuse(one);
    for (const group of results) {
      const lane = this.#lanes.get(group.lane);
      for (const result of group.results) {
        if (lane?.result(group.first + result.offset, result) === false) continue;
        this.#dueResults++;
        this.#dueBytes += result.outputBytes;
      }
    }
    for (const end of ends) this.#endLane(end);
    if (call !== this.#call) return;
    for (const { lane: id } of [...acknowledgements, ...refusals, ...results]) {
      const lane = this.#lanes.get(id);
      if (lane !== undefined) this.#look(lane);
    }
    if (this.#ready.size > 0 || this.#owesCredit) this.#plan();
  }

  #endLane({ lane: wire, code, message }: LaneEnd): void {
    const lane = this.#lanes.get(wire);
    if (lane === undefined) return;
    this.#lanes.delete(wire);
    const error = new FlameError(codeOfStatus(code), message);
    if (error.code === "aborted") {
      lane.lost();
      this.#ready.delete(lane);
      if (lane.isIdle) this.#drop(lane);
      else lane.pause(this.#backoff.next());
      return;
    }
    this.#drop(lane);
    const none = error.code === "not_found" || error.code === "invalid_argument";
    lane.fail(error, none ? "refused" : "unacknowledged");
  }

  #drop(lane: SubmitLane): void {
    this.#ready.delete(lane);
    this.#busy.delete(lane);
    this.#rest();
  }

  /** Whether the lane still needs the stream. */
  #look(lane: SubmitLane): void {
    if (!lane.isIdle) return;
    this.#busy.delete(lane);
    this.#rest();
  }

  #rest(): void {
    if (this.#busy.size > 0) return;
    this.#idleSince = this.#deps.clock.steady();
    if (!this.#watchesIdle) this.#watchIdle(idleMs);
  }

  #watchIdle(afterMs: number): void {
    this.#watchesIdle = true;
    this.#deps.clock.after(afterMs, () => {
      this.#watchesIdle = false;
      if (this.#busy.size > 0 || this.#isOver) return;
      const leftMs = this.#idleSince + idleMs - this.#deps.clock.steady();
      if (leftMs > 0) this.#watchIdle(leftMs);
      else this.#leave()?.end();
    });
  }

  /** Is not used any more. @returns the call that there was */
  #leave(): Call | undefined {
    const call = this.#call;
    this.#call = undefined;
    this.#isOver = true;
    this.#closing.abort();
    this.#deps.onLeft(this);
    for (const lane of this.#lanes.values()) if (lane.isIdle) lane.leave();
    return call;
  }

  #lost(failure: FlameError): void {
    this.#call = undefined;
    this.#underWay = false;
    this.#waitsForAnswer = false;
    const passing =
      failure.code === "unavailable" ||
      failure.code === "deadline_exceeded" ||
      failure.retryAfterMs !== undefined;
    if (failure.code === "unimplemented" && !this.#answered) {
      const lanes = this.#takeBusy();
      this.#deps.onUnimplemented();
      this.#leave();
      for (const lane of lanes) lane.handOver(failure);
      return;
    }
    const now = this.#deps.clock.steady();
    const stood = this.#isOpen && now - this.#openedAt > stoodMs;
    this.#lostAt = stood ? now : (this.#lostAt ?? now);
    if (!passing || now - this.#lostAt >= this.#deps.reconnectTimeoutMs) {
      this.#leave();
      this.#failAll(failure);
      return;
    }
    this.#comeBack(failure);
  }

  #comeBack(failure: FlameError): void {
    for (const lane of this.#lanes.values())
      if (lane.isIdle) lane.leave();
      else lane.lost();
    this.#lanes.clear();
    this.#nextWire = 1;
    if (this.#busy.size === 0) {
      this.#leave();
      return;
    }
    for (const lane of this.#busy) this.#ready.add(lane);
    this.#pausing = true;
    const pauseMs = Math.max(this.#backoff.next(), failure.retryAfterMs ?? 0);
    // The clock's timer keeps no process alive, and with the connection gone nothing else may be left that does.
    delay(pauseMs, undefined, { signal: this.#closing.signal }).then(
      () => {
        this.#pausing = false;
        this.#plan();
      },
      () => undefined,
    );
  }

  #takeBusy(): readonly SubmitLane[] {
    const lanes = [...this.#busy];
    this.#busy.clear();
    this.#ready.clear();
    return lanes;
  }

  #failAll(error: FlameError): void {
    for (const lane of this.#takeBusy()) lane.fail(error, "unacknowledged");
  }
}
