import type { SessionRequest } from "../../src/model/session.ts";
import { isTerminal, type TaskRecord, type TaskReply } from "../../src/model/task.ts";
import type { Random } from "../support/random.ts";
import type { Link } from "./network.ts";
import { pause, Running, type Script, until } from "./script.ts";
import { SessionCalls } from "./session-calls.ts";
import { Violation, type World } from "./world.ts";

/** One session that a client will have. */
export interface SessionPlan {
  readonly id: string;
  readonly request: SessionRequest;
  readonly tasks: number;
  /** Get-or-create, instead of create. */
  readonly byOpen: boolean;
  /** When the session is closed: while tasks are open (ending them if forced), when all have ended, or not at all. */
  readonly close: "early" | "forced" | "ended" | "never";
  /** How often a task is cancelled after another one was made. */
  readonly cancelRate: number;
  /** How often a task gets a deadline. */
  readonly timeoutRate: number;
  readonly deleteAfter: boolean;
  /** Longest pause between two tasks. */
  readonly pauseMsMax: number;
}

/** How long the next task may take, in milliseconds; undefined: as long as it takes. */
export function timeoutMs(random: Random, { timeoutRate }: SessionPlan): number | undefined {
  return random.chance(timeoutRate) ? random.skewed(1, 60_000) : undefined;
}

/** A client: sessions one after another, tasks in each, a watch on most tasks. */
export class ModelClient {
  readonly acknowledged: { readonly sessionId: string; readonly taskId: number }[] = [];
  /** Watches that have to hear an end. */
  watching = 0;
  readonly #world: World;
  readonly #link: Link;
  readonly #calls: SessionCalls;
  readonly #running: Running;
  /** Tasks of the plan can end; otherwise only closing the session ends them. */
  readonly #feasible: (plan: SessionPlan) => boolean;

  constructor(
    world: World,
    link: Link,
    plans: readonly SessionPlan[],
    feasible: (plan: SessionPlan) => boolean,
  ) {
    this.#world = world;
    this.#link = link;
    this.#calls = new SessionCalls(world, link);
    this.#feasible = feasible;
    this.#running = new Running(this.#work(plans));
  }

  get over(): boolean {
    return this.#running.over && this.watching === 0;
  }

  *#work(plans: readonly SessionPlan[]): Script {
    for (const plan of plans) yield* this.#session(plan);
  }

  *#session(plan: SessionPlan): Script {
    const { random } = this.#world;
    const { id } = plan;
    yield* this.#calls.make(plan);
    for (let count = 0; count < plan.tasks; count++) {
      yield* pause(this.#world, random.skewed(0, plan.pauseMsMax));
      // Not repeated when it breaks: nobody knows whether the task is there, and the client makes another.
      const limit = timeoutMs(random, plan);
      const created = yield* this.#link.ask("task.create", {
        sessionId: id,
        input: Buffer.from([count]),
        ...(limit !== undefined && { timeoutMs: limit }),
      });
      if (created.kind === "refused")
        throw new Violation(`CreateTask was refused: ${created.error.message}`);
      if (created.kind === "broken" || !("task" in created.value)) continue;
      const taskId = created.value.task.id;
      this.acknowledged.push({ sessionId: id, taskId });
      if (random.chance(0.8)) this.#watch(plan, taskId);
      if (random.chance(plan.cancelRate)) yield* this.#cancelSome(plan, taskId);
    }
    if (plan.close === "never") return;
    if (plan.close === "ended" && this.#feasible(plan)) yield* this.#calls.allEnded(id);
    if (plan.close === "forced") yield* this.#calls.cancel({ sessionId: id, close: true });
    yield* this.#calls.close(plan);
  }

  /** One task, Running or not, or now and then all of them. */
  *#cancelSome({ id, pauseMsMax }: SessionPlan, newest: number): Script {
    const { random } = this.#world;
    yield* pause(this.#world, random.skewed(0, pauseMsMax));
    const taskIds = random.chance(0.1) ? undefined : [random.between(1, newest)];
    const pendingOnly = random.chance(0.3);
    const reply = yield* this.#calls.cancel({
      sessionId: id,
      ...(taskIds && { taskIds }),
      pendingOnly,
    });
    if (reply === undefined || taskIds === undefined) return;
    const { cancelled, ended, over, running } = reply;
    if (cancelled + ended + over !== 1 && !(pendingOnly && running > 0))
      throw new Violation(`a cancel of ${id}/${taskIds.join()} did ${JSON.stringify(reply)}`);
  }

  #watch(plan: SessionPlan, taskId: number): void {
    const ends = plan.close !== "never" || this.#feasible(plan);
    if (ends) this.watching++;
    new Running(this.#watchUntilEnded(plan.id, taskId, ends));
  }

  /** A watch that breaks is opened again; some clients lose interest. */
  *#watchUntilEnded(sessionId: string, taskId: number, ends: boolean): Script {
    const { random } = this.#world;
    const patienceMs = random.chance(0.1) ? random.skewed(1, 20_000) : undefined;
    for (let again = true; again; ) {
      again = yield* until<boolean>((resume) =>
        this.#watchOnce(sessionId, taskId, patienceMs, resume),
      );
      if (again) yield* pause(this.#world, random.between(10, 500));
    }
    if (ends) this.watching--;
  }

  #watchOnce(
    sessionId: string,
    taskId: number,
    patienceMs: number | undefined,
    done: (again: boolean) => void,
  ): void {
    const name = `the watch of ${sessionId}/${taskId}`;
    let ended: string | undefined;
    const exchange = this.#link.begin(
      "task.watch",
      { sessionId, taskId },
      {
        push: (value) => {
          const state = stateOf(value as TaskReply);
          if (ended !== undefined) throw new Violation(`${name} heard ${state} after ${ended}`);
          if (state === "stored" || isTerminal(state)) ended = state;
        },
        end: () => {
          if (ended === undefined) throw new Violation(`${name} ended without a terminal state`);
          done(false);
        },
        fail: (error) => {
          if (error.code !== "not_found") throw new Violation(`${name} failed: ${error.message}`);
          done(false);
        },
        broken: () => done(true),
      },
    );
    if (patienceMs === undefined) return;
    this.#world.after(patienceMs, () => {
      exchange.abandon();
      done(false);
    });
  }
}

function stateOf(reply: TaskReply): TaskRecord["state"] | "stored" {
  return "stored" in reply ? "stored" : reply.task.state;
}
