import type { ServerDuplexStream } from "@grpc/grpc-js";
import { NumberedRuns } from "../kit/numbered-runs.ts";
import { FlameError } from "../model/errors.ts";
import type { TaskRecord } from "../model/task.ts";
import type {
  LaneEnd,
  Results,
  SubmitAcknowledgement,
  SubmitRefusal,
  TasksRequest,
  TasksResponse,
} from "../protocol/generated/flame/stream/v1/clients.ts";
import { resultToWire } from "../protocol/result-wire.ts";
import type { Payloads } from "./payloads.ts";

/** A message is not made larger than this, in bytes, but for its last output. */
const messageBytes = 1024 * 1024;
/** About what a result takes beside its output, in bytes. */
const resultBytes = 60;
/** Larger outputs are for GetTask. */
const inlineBytesMax = 64 * 1024;
/** Records of results that wait to be sent; of all others only the numbers are kept. */
const freshMax = 1024;
/** Results read from the store for one message: others have their turn between two of these. */
const storedMax = 256;
/** So many results that a client does not read are kept from being forgotten. */
const heldMax = 10_000;

/** What one lane has to send. */
export class LaneResults {
  readonly lane: number;
  readonly sessionId: string;
  /** Numbers and tasks whose results have not left. */
  readonly unsent = new NumberedRuns();

  constructor(lane: number, sessionId: string) {
    this.lane = lane;
    this.sessionId = sessionId;
  }

  /** Whether the task must not be forgotten, since its result is about to leave. */
  isHeld(task: number): boolean {
    return this.unsent.size <= heldMax && this.unsent.hasValue(task);
  }
}

interface Fresh {
  readonly lane: LaneResults;
  readonly number: number;
  readonly task: TaskRecord;
}

export interface TaskOutboxDeps {
  readonly call: Pick<ServerDuplexStream<TasksRequest, TasksResponse>, "write">;
  readonly payloads: Payloads;
  /** Does something after this turn of the event loop. */
  readonly soon: (act: () => void) => void;
  /** What was written is on its way: there is room again. */
  readonly onTaken: () => void;
}

/**
 * What leaves on one stream of a client: one message at a time, with what gathered meanwhile. Of results that the client
 * does not take numbers are kept, and they are read from the store when it does.
 */
export class TaskOutbox {
  readonly #deps: TaskOutboxDeps;
  #acknowledgements: SubmitAcknowledgement[] = [];
  #refusals: SubmitRefusal[] = [];
  #ends: LaneEnd[] = [];
  #fresh: Fresh[] = [];
  /** Lanes with results that have not left; each in turn. */
  readonly #ready = new Set<LaneResults>();
  #results = 0;
  #bytes = 0;
  #planned = false;
  #underWay = false;
  #closed = false;

  constructor(deps: TaskOutboxDeps) {
    this.#deps = deps;
  }

  /** Whether what was written last has not left yet. */
  get isFull(): boolean {
    return this.#underWay;
  }

  acknowledge(acknowledgement: SubmitAcknowledgement): void {
    this.#acknowledgements.push(acknowledgement);
    this.#plan();
  }

  refuse(refusal: SubmitRefusal): void {
    this.#refusals.push(refusal);
    this.#plan();
  }

  end(end: LaneEnd): void {
    this.#ends.push(end);
    this.#plan();
  }

  /** The client takes more. */
  credit(results: number, bytes: number): void {
    this.#results += results;
    this.#bytes += bytes;
    this.#plan();
  }

  /** A task has ended. @param task its record, where that is known */
  result(lane: LaneResults, number: number, taskId: number, task?: TaskRecord): void {
    lane.unsent.add(number, 1, taskId);
    if (task !== undefined && this.#fresh.length < freshMax)
      this.#fresh.push({ lane, number, task });
    this.#ready.add(lane);
    this.#plan();
  }

  /** Nothing of the lane leaves any more. */
  forget(lane: LaneResults): void {
    this.#ready.delete(lane);
    this.#fresh = this.#fresh.filter((one) => one.lane !== lane);
  }

  close(): void {
    this.#closed = true;
    this.#ready.clear();
    this.#fresh = [];
  }

  #plan(): void {
    if (this.#planned || this.#underWay || this.#closed) return;
    this.#planned = true;
    this.#deps.soon(() => {
      this.#planned = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#closed || this.#underWay) return;
    const response: TasksResponse = {
      acknowledgements: this.#acknowledgements,
      refusals: this.#refusals,
      results: this.#takeResults(),
      ends: this.#ends,
    };
    const { acknowledgements, refusals, results, ends } = response;
    if (acknowledgements.length + refusals.length + results.length + ends.length === 0) return;
    this.#acknowledgements = [];
    this.#refusals = [];
    this.#ends = [];
    this.#underWay = true;
    this.#deps.call.write(response, () => {
      this.#underWay = false;
      this.#plan();
      this.#deps.onTaken();
    });
  }

  #takeResults(): Results[] {
    const groups = new Map<LaneResults, Results>();
    let room = messageBytes;
    const put = (lane: LaneResults, number: number, taskId: number, record?: TaskRecord): void => {
      const result = this.#resultOf(lane.sessionId, taskId, record);
      const bytes = result.output?.length ?? 0;
      this.#results--;
      this.#bytes -= bytes;
      room -= bytes + resultBytes;
      let group = groups.get(lane);
      if (group === undefined || number < Number(group.first)) {
        group = { lane: lane.lane, first: BigInt(number), results: [] };
        groups.set(lane, group);
        all.push(group);
      }
      group.results.push({ ...result, offset: number - Number(group.first) });
    };
    const all: Results[] = [];
    const goesOn = (): boolean => this.#results > 0 && this.#bytes > 0 && room > 0;
    let taken = 0;
    for (const { lane, number, task } of this.#fresh) {
      if (!goesOn()) break;
      taken++;
      // A later one of the lane may have gone before it, from the store.
      if (lane.unsent.remove(number)) put(lane, number, task.id, task);
    }
    this.#fresh = taken === this.#fresh.length ? [] : this.#fresh.slice(taken);
    let reads = storedMax;
    for (const lane of this.#ready) {
      while (goesOn() && reads > 0) {
        const [run] = lane.unsent.runs();
        if (run === undefined) break;
        const count = Math.min(run.count, reads, this.#results);
        const known = this.#deps.payloads.stored(lane.sessionId, run.value, count);
        reads -= count;
        for (let at = 0; at < count && goesOn(); at++) {
          const next = lane.unsent.shift();
          if (next !== undefined) put(lane, next.number, next.value, known.get(next.value));
        }
      }
      if (lane.unsent.size === 0) this.#ready.delete(lane);
    }
    this.#rotate();
    return all;
  }

  /** The lane that came first comes last the next time. */
  #rotate(): void {
    const [first] = this.#ready;
    if (first === undefined) return;
    this.#ready.delete(first);
    this.#ready.add(first);
  }

  #resultOf(
    sessionId: string,
    taskId: number,
    known?: TaskRecord,
  ): ReturnType<typeof resultToWire> {
    const { payloads } = this.#deps;
    try {
      const task = known ?? payloads.task({ stored: { sessionId, taskId } });
      const isLarge = (task.outputBytes ?? 0) > inlineBytesMax;
      return resultToWire(task, isLarge ? "elsewhere" : payloads.of(task, "output"));
    } catch (thrown) {
      return resultToWire(undefined, FlameError.from(thrown).message);
    }
  }
}
