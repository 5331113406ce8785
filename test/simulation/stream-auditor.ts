import { isTerminal } from "../../src/model/task.ts";
import type {
  TasksRequest,
  TasksResponse,
} from "../../src/protocol/generated/flame/stream/v1/clients.ts";
import type { MemoryTables } from "../../src/storage/memory-tables.ts";
import type { Ledger } from "./ledger.ts";
import { Violation } from "./world.ts";

interface Speaker {
  readonly sessionId: string;
  readonly producer: string;
  /** When the session was created that had the id on disk as the lane was opened. */
  readonly createdAt: number | undefined;
}

const stateOrder = ["Pending", "Running", "Succeed", "Failed", "Cancelled"] as const;

/** Looks at what leaves on client streams: it must be on disk. */
export class StreamAuditor {
  readonly #ledger: Ledger;
  readonly #tables: MemoryTables;
  readonly #lanes = new WeakMap<object, Map<number, Speaker>>();
  /** Results of tasks of which nothing more was known. */
  lost = 0;

  constructor(ledger: Ledger, tables: MemoryTables) {
    this.#ledger = ledger;
    this.#tables = tables;
  }

  comes(call: object, { lanes }: TasksRequest): void {
    const known = this.#lanes.get(call) ?? new Map<number, Speaker>();
    this.#lanes.set(call, known);
    for (const { lane, sessionId, producer } of lanes) {
      const createdAt = this.#ledger.sessions.get(sessionId)?.record.creationTime;
      known.set(lane, { sessionId, producer, createdAt });
    }
  }

  leaves(call: object, { acknowledgements, results, refusals }: TasksResponse): void {
    for (const { lane, first, count, firstTask } of acknowledgements)
      for (let at = 0; at < count; at++)
        this.#acknowledged(this.#speaker(call, lane), Number(first) + at, Number(firstTask) + at);
    for (const { lane, first, count } of refusals)
      for (let at = 0; at < count; at++)
        this.#refused(this.#speaker(call, lane), Number(first) + at);
    for (const { lane, first, results: group } of results)
      for (const { offset, state, lost } of group)
        this.#result(this.#speaker(call, lane), Number(first) + offset, stateOrder[state], lost);
  }

  #speaker(call: object, lane: number): Speaker {
    const speaker = this.#lanes.get(call)?.get(lane);
    if (speaker === undefined) throw new Violation(`something leaves on lane ${lane}, not opened`);
    return speaker;
  }

  /** Undefined: the session was deleted meanwhile. */
  #taskOf({ sessionId, producer }: Speaker, number: number): number | undefined {
    return this.#ledger.submits.taskOf(sessionId, producer, number);
  }

  #acknowledged(speaker: Speaker, number: number, taskId: number): void {
    if (!this.#ledger.sessions.has(speaker.sessionId)) return;
    const onDisk = this.#taskOf(speaker, number);
    if (onDisk !== taskId && this.#isStill(speaker))
      throw new Violation(
        `${nameOf(speaker, number)} is acknowledged as task ${taskId}, disk says ${onDisk ?? "none"}`,
      );
  }

  #refused(speaker: Speaker, number: number): void {
    const { sessionId, producer } = speaker;
    if (this.#ledger.submits.isTask(sessionId, producer, number))
      throw new Violation(`${nameOf(speaker, number)} is refused and is a task`);
  }

  #result(
    speaker: Speaker,
    number: number,
    state: (typeof stateOrder)[number] | undefined,
    lost: string | undefined,
  ): void {
    const { sessionId } = speaker;
    if (!this.#ledger.sessions.has(sessionId) || !this.#isStill(speaker)) return;
    const taskId = this.#taskOf(speaker, number);
    const task = taskId === undefined ? undefined : this.#ledger.task(sessionId, taskId);
    const name = nameOf(speaker, number);
    if (task === undefined) throw new Violation(`a result leaves of ${name}, which is no task`);
    if (!isTerminal(task.state))
      throw new Violation(`a result leaves of ${name}, task ${task.id} is ${task.state} on disk`);
    if (lost !== undefined) {
      this.lost++;
      if (this.#tables.task(sessionId, task.id) !== undefined)
        throw new Violation(`${name} is said to be lost, and task ${task.id} is there: ${lost}`);
    } else if (task.state !== state)
      throw new Violation(
        `a result of ${name} leaves as ${state ?? "?"}, task ${task.id} is ${task.state}`,
      );
  }

  /** The session is the one that it submitted to, and not a later one of the same id. */
  #isStill({ sessionId, producer, createdAt }: Speaker): boolean {
    const isAnother =
      createdAt !== undefined &&
      this.#ledger.sessions.get(sessionId)?.record.creationTime !== createdAt;
    return !isAnother && this.#ledger.submits.knows(sessionId, producer);
  }
}

function nameOf({ sessionId, producer }: Speaker, number: number): string {
  return `submit ${number} of ${producer} to ${sessionId}`;
}
