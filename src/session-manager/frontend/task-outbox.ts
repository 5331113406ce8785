import type { ServerDuplexStream } from "@grpc/grpc-js";
import { NumberedRuns } from "../../kit/numbered-runs.ts";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import type { SessionKey } from "../../model/session.ts";
import type { TaskRecord } from "../../model/task.ts";
import type {
  LaneEnd,
  Result,
  Results,
  SubmitAcknowledgement,
  SubmitRefusal,
  TasksRequest,
  TasksResponse,
} from "../../protocol/generated/flame/stream/v1/clients.ts";
import { resultToWire } from "../../protocol/result-wire.ts";
import type { Payloads } from "../engine/payloads.ts";

/** A message is not made larger than this, in bytes, but for its last output. */
const messageBytes = 1024 * 1024;
/** About what a result takes beside its output, in bytes. */
const resultBytes = 60;
/** Larger outputs are for GetTask: with the last one a message has 2 MiB, less than what any client takes. */
const inlineBytesMax = 1024 * 1024;
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
  /** Undefined until the machine has said which session of that id it is. */
  session: SessionKey | undefined;
  /** Nothing of it leaves any more. */
  over = false;
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

/** A result that was read from the store, and has not left. */
interface Read {
  readonly lane: LaneResults;
  readonly number: number;
  readonly result: Result;
}

/** Results of a lane whose numbers, and tasks, follow one another. */
interface Span {
  readonly lane: LaneResults;
  readonly session: SessionKey;
  readonly first: number;
  readonly count: number;
  readonly firstTask: number;
}

export interface TaskOutboxDeps {
  readonly call: Pick<ServerDuplexStream<TasksRequest, TasksResponse>, "write">;
  readonly payloads: Payloads;
  /** Does something after this turn of the event loop. */
  readonly soon: (act: () => void) => void;
  /** What was written is on its way: there is room again. */
  readonly onTaken: () => void;
  /** Results cannot be read; nothing leaves any more. */
  readonly onFailed: (error: FlameError) => void;
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
  #read: Read[] = [];
  #reading = false;
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

  /** Which session a lane is of: its results can be read. */
  know(lane: LaneResults, session: SessionKey): void {
    lane.session = session;
    if (lane.unsent.size > 0) this.#plan();
  }

  /** Nothing of the lane leaves any more. */
  forget(lane: LaneResults): void {
    lane.over = true;
    this.#ready.delete(lane);
    this.#fresh = this.#fresh.filter((one) => one.lane !== lane);
    this.#read = this.#read.filter((one) => one.lane !== lane);
  }

  close(): void {
    this.#closed = true;
    this.#ready.clear();
    this.#fresh = [];
    this.#read = [];
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
    const all: Results[] = [];
    let room = messageBytes;
    const put = (lane: LaneResults, number: number, result: Result): void => {
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
      result.offset = number - Number(group.first);
      group.results.push(result);
    };
    const goesOn = (): boolean => this.#results > 0 && this.#bytes > 0 && room > 0;
    let taken = 0;
    for (const { lane, number, result } of this.#read) {
      if (!goesOn()) break;
      taken++;
      if (lane.unsent.remove(number)) put(lane, number, result);
    }
    this.#read = behind(this.#read, taken);
    taken = 0;
    for (const { lane, number, task } of this.#fresh) {
      if (!goesOn()) break;
      taken++;
      const output = isLarge(task) ? "elsewhere" : this.#deps.payloads.atHand(task, "output");
      // Its output is read when its number has its turn.
      if (output === "stored") continue;
      // It may have gone before, from the store.
      if (lane.unsent.remove(number)) put(lane, number, resultToWire(task, output));
    }
    this.#fresh = behind(this.#fresh, taken);
    if (goesOn()) this.#readOn();
    return all;
  }

  /** Reads the next results of which only numbers are kept: what is at hand leaves meanwhile. */
  #readOn(): void {
    if (this.#reading) return;
    const spans = this.#nextStored();
    if (spans.length === 0) return;
    this.#reading = true;
    void this.#readSpans(spans).then(
      (read) => {
        this.#reading = false;
        this.#read = [...this.#read, ...read.filter(({ lane }) => !lane.over)];
        this.#plan();
      },
      (thrown: unknown) => {
        if (this.#closed) return;
        this.close();
        this.#deps.onFailed(readingFailed(thrown));
      },
    );
  }

  /** Of each lane in turn, as many as the client takes and one read has. */
  #nextStored(): Span[] {
    const spans: Span[] = [];
    let left = Math.min(storedMax, this.#results);
    for (const lane of this.#ready) {
      if (left === 0) break;
      if (lane.unsent.size === 0) this.#ready.delete(lane);
      const { session } = lane;
      if (session === undefined) continue;
      for (const { first, count: all, value: firstTask } of lane.unsent.runs()) {
        if (left === 0) break;
        const count = Math.min(all, left);
        spans.push({ lane, session, first, count, firstTask });
        left -= count;
      }
    }
    this.#rotate();
    return spans;
  }

  /** One read for the records of each span, one for the outputs of all that fit into a message. */
  async #readSpans(spans: readonly Span[]): Promise<Read[]> {
    const { payloads } = this.#deps;
    const found: { lane: LaneResults; number: number; id: number; task?: TaskRecord }[] = [];
    for (const { lane, session, first, count, firstTask } of spans) {
      const known = await payloads.stored(session, firstTask, count);
      for (let at = 0; at < count; at++) {
        const id = firstTask + at;
        const task = known.get(id);
        found.push({ lane, number: first + at, id, ...(task !== undefined && { task }) });
      }
    }
    let room = messageBytes;
    let credit = this.#bytes;
    const chosen = found.filter(({ task }) => {
      const fits = room > 0 && credit > 0;
      const bytes = task === undefined || isLarge(task) ? 0 : (task.outputBytes ?? 0);
      room -= resultBytes + bytes;
      credit -= bytes;
      return fits;
    });
    const inline = chosen.flatMap(({ task }) =>
      task === undefined || isLarge(task) ? [] : [task],
    );
    const outputs = await payloads.read(inline, "output");
    let next = 0;
    return chosen.map(({ lane, number, id, task }) => {
      const output = task === undefined ? "gone" : isLarge(task) ? "elsewhere" : outputs[next++];
      const result =
        task === undefined || output === "gone"
          ? resultToWire(undefined, payloads.goneTask(lane.sessionId, id).message)
          : resultToWire(task, output);
      return { lane, number, result };
    });
  }

  /** The lane that came first comes last the next time. */
  #rotate(): void {
    const [first] = this.#ready;
    if (first === undefined) return;
    this.#ready.delete(first);
    this.#ready.add(first);
  }
}

function isLarge({ outputBytes = 0 }: TaskRecord): boolean {
  return outputBytes > inlineBytesMax;
}

function behind<T>(all: T[], taken: number): T[] {
  return taken === all.length ? [] : all.slice(taken);
}

/** Its client comes back and follows them again: nothing is lost. */
function readingFailed(thrown: unknown): FlameError {
  const text = `results could not be read from the store: ${textOf(thrown)}; open a stream again and follow them`;
  return new FlameError("unavailable", text, { cause: thrown });
}
