import type {
  EndedRange,
  FollowReply,
  SubmitOutcome,
  SubmitReply,
} from "../../core/submit-batch.ts";
import { textOf } from "../../kit/thrown.ts";
import { errorTable, FlameError } from "../../model/errors.ts";
import type { SessionKey } from "../../model/session.ts";
import type { NumberSpan } from "../../model/submits.ts";
import type { Store } from "../../storage/store.ts";
import { creationRuns, type OpenLane, storedRuns } from "./task-lane.ts";
import type { TaskOutbox } from "./task-outbox.ts";

export interface LaneAnswersDeps {
  readonly store: Pick<Store, "readTasks" | "readSubmits">;
  readonly outbox: TaskOutbox;
  /** From now on the results of these are wanted. */
  readonly ask: (lane: OpenLane, span: NumberSpan) => void;
  readonly fail: (lane: OpenLane, error: FlameError) => void;
}

/**
 * What the lanes of one stream are told of their submits. What the machine does not know any more is read from the store; a
 * lane, and its stream, may end meanwhile.
 */
export class LaneAnswers {
  readonly #deps: LaneAnswersDeps;

  constructor(deps: LaneAnswersDeps) {
    this.#deps = deps;
  }

  /** What became of submits. @returns a promise when the store has to be read */
  submitted(
    lane: OpenLane,
    span: NumberSpan,
    reply: SubmitReply,
    follow: boolean,
  ): void | Promise<void> {
    if (!this.#isOf(lane, reply.session)) return undefined;
    if ("closed" in reply) return this.#submittedToClosed(lane, span, reply, follow);
    const { session, outcomes } = reply;
    if (outcomes.some(({ kind }) => kind === "known"))
      return this.#tellAll(lane, session, outcomes, follow);
    for (const outcome of outcomes) if (outcome.kind !== "known") this.#tell(lane, outcome, follow);
  }

  /** Which of those that are followed have ended before. @returns a promise when the store has to be read */
  followed(lane: OpenLane, span: NumberSpan, reply: FollowReply): void | Promise<void> {
    if (!this.#isOf(lane, reply.session)) return undefined;
    if ("closed" in reply) return this.#followedClosed(lane, span, reply.session);
    for (const range of reply.ended) this.#offer(lane, range);
  }

  /** What was submitted before stands in the store, and has ended. */
  async #submittedToClosed(
    lane: OpenLane,
    span: NumberSpan,
    { session, closed }: Extract<SubmitReply, { closed: FlameError }>,
    follow: boolean,
  ): Promise<void> {
    const { store } = this.#deps;
    for (const run of await storedRuns(store, session, lane.producer, span)) {
      if (run.firstTask === 0) {
        this.#tell(lane, { ...run, kind: "refused", error: closed }, false);
        continue;
      }
      await this.#tellKnown(lane, session, run);
      if (!follow || lane.over) continue;
      want(lane, run.first, run.count);
      this.#offer(lane, run);
    }
  }

  async #followedClosed(lane: OpenLane, span: NumberSpan, session: SessionKey): Promise<void> {
    for (const run of await storedRuns(this.#deps.store, session, lane.producer, span))
      if (run.firstTask > 0) this.#offer(lane, run);
  }

  async #tellAll(
    lane: OpenLane,
    session: SessionKey,
    outcomes: readonly SubmitOutcome[],
    follow: boolean,
  ): Promise<void> {
    for (const outcome of outcomes) {
      if (outcome.kind !== "known") {
        this.#tell(lane, outcome, follow);
        continue;
      }
      await this.#tellKnown(lane, session, outcome);
      if (follow && !lane.over) this.#deps.ask(lane, outcome);
    }
  }

  /** Only the store knows when submits that came before became tasks. */
  async #tellKnown(
    lane: OpenLane,
    session: SessionKey,
    { first, count, firstTask }: EndedRange,
  ): Promise<void> {
    for (const run of await creationRuns(this.#deps.store, session, firstTask, count)) {
      const { at, creationTime } = run;
      this.#acknowledge(lane, first + at, run.count, firstTask + at, creationTime);
    }
  }

  /** Whether the lane is still of the session that it was opened for; it ends when another one bears its id. */
  #isOf(lane: OpenLane, session: SessionKey): boolean {
    if (lane.over) return false;
    const { results } = lane;
    if (results.session === undefined) this.#deps.outbox.know(results, session);
    else if (results.session.creationTime !== session.creationTime) {
      const text = `session ${session.id} was deleted, and another one bears its id now: open another lane for it`;
      this.#deps.fail(lane, new FlameError("not_found", text));
      return false;
    }
    return true;
  }

  #tell(
    lane: OpenLane,
    outcome: Exclude<SubmitOutcome, { readonly kind: "known" }>,
    follow: boolean,
  ): void {
    if (lane.over) return;
    const { first, count } = outcome;
    if (outcome.kind === "created") {
      const { firstTask, creationTime } = outcome;
      if (follow) for (const runs of [lane.asked, lane.wanted]) runs.add(first, count, first);
      this.#acknowledge(lane, first, count, firstTask, creationTime);
      return;
    }
    const { code, message, retryAfterMs } = outcome.error;
    this.#deps.outbox.refuse({
      lane: lane.id,
      first: BigInt(first),
      count,
      code: errorTable[code].grpcStatus,
      message,
      ...(retryAfterMs !== undefined && { retryAfter: retryAfterMs }),
    });
  }

  #acknowledge(
    lane: OpenLane,
    first: number,
    count: number,
    firstTask: number,
    creationTime: number,
  ): void {
    if (lane.over) return;
    this.#deps.outbox.acknowledge({
      lane: lane.id,
      first: BigInt(first),
      count,
      firstTask: BigInt(firstTask),
      creationTime,
    });
  }

  #offer(lane: OpenLane, { first, count, firstTask }: EndedRange): void {
    if (lane.over) return;
    for (let at = 0; at < count; at++)
      if (lane.wanted.remove(first + at))
        this.#deps.outbox.result(lane.results, first + at, firstTask + at);
  }
}

/** From now on the results of these are wanted, but for those that were asked for before. */
export function want({ asked, wanted }: OpenLane, first: number, count: number): void {
  for (let number = first; number < first + count; number++) {
    if (asked.has(number)) continue;
    asked.add(number, 1, number);
    wanted.add(number, 1, number);
  }
}

/** What ends a lane that cannot be answered: its session is gone, or the client is to come back and say it again. */
export function notAnswered(thrown: unknown): FlameError {
  if (thrown instanceof FlameError && thrown.code === "not_found") return thrown;
  const text = `what was submitted before could not be read from the store: ${textOf(thrown)}; open a stream again`;
  return new FlameError("unavailable", text, { cause: thrown });
}
