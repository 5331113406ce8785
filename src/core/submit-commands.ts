import { FlameError } from "../model/errors.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { SessionEntry } from "../sessions/session-entry.ts";
import { createTask } from "../sessions/task-life.ts";
import { type Handlers, waits } from "./handler.ts";
import type { CoreState } from "./state.ts";
import type { EndedRange, SubmitBatch, SubmitOutcome } from "./submit-batch.ts";
import { checkMayCreate, offerTasks } from "./task-commands.ts";

/** The same submits, refused: nothing of them is kept but that their numbers are used up. */
export function refuseAll(batch: SubmitBatch, error: FlameError): SubmitBatch {
  return { ...batch, inputs: batch.inputs.map(() => error) };
}

const refusedBefore = new FlameError(
  "aborted",
  "this submit was refused before, and the reason is not kept: submit it again under a new number",
  { retryAfterMs: 0 },
);

/** Submits by number: docs/protocol.md, "Streams of clients". */
export const submitHandlers: Handlers<"submit.open" | "submit.tasks" | "submit.follow"> = {
  "submit.open": (state, turn, { sessionId, producer }, token) => {
    const entry = state.sessions.get(sessionId);
    if (entry.record.state !== "Open") return waits;
    const before = entry.submits.follow(producer, token);
    if (before !== undefined)
      turn.end(
        before,
        new FlameError(
          "aborted",
          `another stream speaks for this producer in session ${sessionId}: each producer has one stream`,
        ),
      );
    return waits;
  },

  "submit.tasks": (state, turn, batch) => {
    const entry = state.sessions.get(batch.sessionId);
    const { producer, first } = batch;
    if (entry.record.state !== "Open") {
      try {
        checkMayCreate(state, entry);
      } catch (thrown) {
        return { session: entry.key, closed: FlameError.from(thrown) };
      }
    }
    const highest = entry.submits.highest(producer);
    if (first > highest + 1)
      throw new FlameError(
        "invalid_argument",
        `submit ${first} to session ${batch.sessionId} leaves a gap: got number ${first}, expected at most ${highest + 1}, as ${highest} is the highest of this producer; number submits without gaps, from 1 in each session`,
      );
    return { session: entry.key, outcomes: carryOut(state, turn, entry, batch, highest) };
  },

  "submit.follow": (state, _turn, { sessionId, producer, first, count }) => {
    const entry = state.sessions.get(sessionId);
    if (entry.record.state !== "Open") return { session: entry.key, closed: true };
    const ended: EndedRange[] = [];
    for (let number = first; number < first + count; number++) {
      const task = entry.submits.taskOf(producer, number);
      if (task === undefined)
        throw new FlameError(
          "invalid_argument",
          `submit ${number} to session ${sessionId} is no task: its result cannot be followed`,
        );
      if (!entry.tasks.has(task)) addEnded(ended, number, task);
    }
    return { session: entry.key, ended };
  },
};

function carryOut(
  state: CoreState,
  turn: FlameTurn,
  entry: SessionEntry,
  { sessionId, producer, first, inputs, timeoutsMs }: SubmitBatch,
  highest: number,
): SubmitOutcome[] {
  const outcomes: SubmitOutcome[] = [];
  const touched = new Set<ReturnType<typeof entry.submits.use>>();
  inputs.forEach((input, at) => {
    const number = first + at;
    if (number <= highest) {
      addKnown(outcomes, entry, producer, number);
      return;
    }
    const error = input instanceof FlameError ? input : refusalOf(state, entry, input?.length);
    if (error !== undefined) {
      touched.add(entry.submits.use(producer, number, 0));
      addRefused(outcomes, number, error);
      return;
    }
    const { term } = state.options;
    const task = createTask(turn, entry, input as Buffer | undefined, term, timeoutsMs?.[at]);
    touched.add(entry.submits.use(producer, number, task.id));
    addCreated(outcomes, number, task.id, turn.now);
  });
  if (touched.size > 0) offerTasks(state, turn, entry);
  for (const { first: from, firstTask, count } of touched)
    turn.change({
      kind: "submits.put",
      range: { sessionId, producer, first: from, firstTask, count },
    });
  return outcomes;
}

function refusalOf(
  state: CoreState,
  entry: SessionEntry,
  inputBytes: number | undefined,
): FlameError | undefined {
  try {
    checkMayCreate(state, entry, inputBytes);
    return undefined;
  } catch (thrown) {
    return FlameError.from(thrown);
  }
}

type Growing<T> = { -readonly [K in keyof T]: T[K] };

function addCreated(
  outcomes: SubmitOutcome[],
  number: number,
  task: number,
  creationTime: number,
): void {
  const last = outcomes.at(-1) as Growing<SubmitOutcome> | undefined;
  if (last?.kind === "created" && last.firstTask + last.count === task) last.count++;
  else outcomes.push({ kind: "created", first: number, count: 1, firstTask: task, creationTime });
}

function addKnown(
  outcomes: SubmitOutcome[],
  entry: SessionEntry,
  producer: string,
  number: number,
): void {
  const range = entry.submits.rangeOf(producer, number);
  if (range === undefined || range.firstTask === 0) {
    addRefused(outcomes, number, refusedBefore);
    return;
  }
  const task = range.firstTask + number - range.first;
  const last = outcomes.at(-1) as Growing<SubmitOutcome> | undefined;
  if (last?.kind === "known" && last.firstTask + last.count === task) last.count++;
  else outcomes.push({ kind: "known", first: number, count: 1, firstTask: task });
}

function addRefused(outcomes: SubmitOutcome[], number: number, error: FlameError): void {
  const last = outcomes.at(-1) as Growing<SubmitOutcome> | undefined;
  if (last?.kind === "refused" && last.error.message === error.message) last.count++;
  else outcomes.push({ kind: "refused", first: number, count: 1, error });
}

function addEnded(ended: EndedRange[], number: number, task: number): void {
  const last = ended.at(-1) as Growing<EndedRange> | undefined;
  if (
    last !== undefined &&
    last.firstTask + last.count === task &&
    last.first + last.count === number
  )
    last.count++;
  else ended.push({ first: number, count: 1, firstTask: task });
}
