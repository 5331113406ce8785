import type {
  TasksRequest,
  TasksResponse,
} from "../../src/protocol/generated/flame/stream/v1/clients.ts";
import { type SessionPlan, timeoutMs } from "./model-client.ts";
import type { Link } from "./network.ts";
import { pause, Running, type Script, until } from "./script.ts";
import { SessionCalls } from "./session-calls.ts";
import { StreamWire } from "./stream-wire.ts";
import { type SubmitTally, Submitter } from "./submitter.ts";
import { Violation, type World } from "./world.ts";

/** One session that a client submits to on its stream. */
export interface StreamPlan extends SessionPlan {
  /** Submits in one batch, and made at once. */
  readonly batchMax: number;
  /** The session is closed while submits are on their way. */
  readonly midway: boolean;
}

export interface StreamClientDeps {
  readonly world: World;
  readonly link: Link;
  readonly name: string;
  readonly tally: SubmitTally;
  /** Tasks of the plan can end; otherwise only closing the session ends them. */
  readonly feasible: (plan: SessionPlan) => boolean;
}

/** A client that submits to several sessions at once on one stream, which is opened again whenever it breaks. */
export class ModelStreamClient {
  readonly #deps: StreamClientDeps;
  readonly #calls: SessionCalls;
  readonly #threads: Running[];
  readonly #submitters: { readonly submitter: Submitter; readonly ends: boolean }[] = [];
  #wire: StreamWire | undefined;
  /** The stream that broke last. */
  #before: StreamWire | undefined;
  #lanes = new Map<number, Submitter>();
  #nextLane = 1;
  #credit = { results: 0, bytes: 0 };

  /** @param plans sessions one after another, for each of what it does at once */
  constructor(deps: StreamClientDeps, plans: readonly (readonly StreamPlan[])[]) {
    this.#deps = deps;
    this.#calls = new SessionCalls(deps.world, deps.link);
    new Running(this.#live());
    this.#threads = plans.map((sessions) => new Running(this.#work(sessions)));
  }

  get over(): boolean {
    return this.#threads.every(({ over }) => over) && this.outstanding === 0;
  }

  get outstanding(): number {
    return this.#submitters.reduce(
      (sum, { submitter, ends }) => sum + (ends ? submitter.outstanding : 0),
      0,
    );
  }

  get submitters(): readonly Submitter[] {
    return this.#submitters.map(({ submitter }) => submitter);
  }

  *#work(plans: readonly StreamPlan[]): Script {
    for (const plan of plans) yield* this.#session(plan);
  }

  *#session(plan: StreamPlan): Script {
    const { world, name, tally, feasible } = this.#deps;
    const { random } = world;
    const { id } = plan;
    yield* this.#calls.make(plan);
    const producer = `${name}-${this.#submitters.length}`;
    const submitter = new Submitter(id, producer, plan.batchMax, tally);
    this.#submitters.push({ submitter, ends: plan.close !== "never" || feasible(plan) });
    const closes = plan.midway ? new Running(this.#close(plan, submitter, true)) : undefined;
    for (let made = 0; made < plan.tasks; ) {
      yield* pause(world, random.skewed(0, plan.pauseMsMax));
      for (let burst = random.between(1, plan.batchMax); burst > 0; burst--, made++)
        submitter.add(random.chance(0.85), timeoutMs(random, plan));
      this.#pump();
      const [some] = submitter.tasks;
      if (some !== undefined && random.chance(plan.cancelRate / 4))
        yield* this.#calls.cancel({ sessionId: id, taskIds: [some] });
    }
    while (!submitter.settled) yield* pause(world, 200);
    if (plan.close === "never") return;
    if (closes === undefined) yield* this.#close(plan, submitter, false);
    while (closes?.over === false) yield* pause(world, 200);
  }

  *#close(plan: StreamPlan, submitter: Submitter, midway: boolean): Script {
    const { world, feasible } = this.#deps;
    if (midway) yield* pause(world, world.random.skewed(1, 20_000));
    else if (plan.close === "ended" && feasible(plan))
      while (submitter.outstanding > 0) yield* pause(world, 200);
    submitter.closing = true;
    if (plan.close === "forced") yield* this.#calls.cancel({ sessionId: plan.id, close: true });
    yield* this.#calls.close(plan);
    if (plan.deleteAfter) submitter.gone = true;
  }

  *#live(): Script {
    const { world, link } = this.#deps;
    const { random } = world;
    for (;;) {
      yield* until<void>((broken) => {
        const wire = new StreamWire(link, {
          message: (response) => {
            if (this.#wire === wire) this.#take(response);
          },
          broken,
        });
        this.#begin(wire);
      });
      this.#before = this.#wire;
      this.#wire = undefined;
      for (const { submitter } of this.#submitters) submitter.broke();
      yield* pause(world, random.skewed(20, 2_000));
    }
  }

  #begin(wire: StreamWire): void {
    this.#wire = wire;
    this.#lanes = new Map();
    this.#nextLane = this.#deps.world.random.between(1, 5);
    this.#credit = { results: 0, bytes: 0 };
    this.#pump();
    new Running(this.#give(wire));
    new Running(this.#idle(wire));
  }

  /** Credit comes in small pieces, and late, as long as the storm lasts. */
  *#give(wire: StreamWire): Script {
    const { world } = this.#deps;
    const { random } = world;
    while (this.#wire === wire) {
      const { stormy } = world;
      const results = stormy ? random.pick([0, 1, 3, 50]) : 1_000_000;
      const bytes = stormy ? random.pick([1, 1, 50, 10_000]) : 1_000_000_000;
      this.#credit.results += results;
      this.#credit.bytes += bytes;
      wire.send(requestOf({ credit: { results, bytes } }));
      if (!stormy) return;
      yield* pause(world, random.skewed(1, 10_000));
    }
  }

  /** Now and then it reads nothing for a while. */
  *#idle(wire: StreamWire): Script {
    const { world } = this.#deps;
    const { random } = world;
    while (this.#wire === wire && world.stormy) {
      yield* pause(world, random.between(1_000, 30_000));
      if (this.#wire !== wire || !world.stormy) break;
      wire.reading = false;
      yield* pause(world, random.skewed(10, 10_000));
      wire.reading = true;
    }
  }

  #pump(): void {
    const wire = this.#wire;
    if (wire === undefined) return;
    const { random } = this.#deps.world;
    const request = requestOf({});
    for (const submitter of this.submitters) {
      if (submitter.gone || (submitter.settled && submitter.outstanding === 0)) continue;
      if (submitter.lane === undefined) {
        const id = this.#nextLane++;
        this.#lanes.set(id, submitter);
        const { lane, follows } = submitter.open(id, random);
        request.lanes.push(lane);
        request.follows.push(...follows);
      }
      // Batches of different lanes in any order.
      if (random.chance(0.5)) request.submits.push(...submitter.take(random));
      else request.submits.unshift(...submitter.take(random));
    }
    const { lanes, submits, follows } = request;
    if (lanes.length + submits.length + follows.length === 0) return;
    const before = this.#before;
    // The end of a stream and the next one that speaks for its producers are seen in any order.
    const late = lanes.length > 0 && before !== undefined && random.chance(0.5);
    wire.send(request, late ? () => before.noticed() : undefined);
  }

  #take({ acknowledgements, refusals, results, ends }: TasksResponse): void {
    for (const one of acknowledgements) this.#of(one.lane)?.acknowledged(one);
    for (const one of refusals) this.#of(one.lane)?.refused(one);
    this.#charge(results.flatMap(({ results: group }) => group));
    for (const { lane, first, results: group } of results)
      for (const result of group) this.#of(lane)?.result(Number(first) + result.offset, result);
    for (const one of ends) {
      this.#of(one.lane)?.ended(one);
      this.#lanes.delete(one.lane);
    }
    if (refusals.length + ends.length > 0) this.#pump();
  }

  /** In a message they stand lane by lane, in whatever order they were taken: one alone, the last, may pass the credit. */
  #charge(results: readonly { readonly output?: Buffer | undefined }[]): void {
    if (results.length === 0) return;
    const sizes = results.map(({ output }) => output?.length ?? 0);
    this.#credit.results -= results.length;
    this.#credit.bytes -= sizes.reduce((sum, size) => sum + size, 0);
    if (this.#credit.results < 0 || this.#credit.bytes + Math.max(...sizes) <= 0)
      throw new Violation(
        `${results.length} results came, which leave a credit of ${JSON.stringify(this.#credit)}`,
      );
  }

  /** Undefined: the session was deleted, and nobody waits for what comes of it. */
  #of(lane: number): Submitter | undefined {
    const submitter = this.#lanes.get(lane);
    if (submitter === undefined) throw new Violation(`something came on lane ${lane}, not open`);
    return submitter.gone ? undefined : submitter;
  }
}

function requestOf(some: Partial<TasksRequest>): {
  -readonly [K in keyof TasksRequest]: TasksRequest[K];
} {
  return { lanes: [], submits: [], follows: [], credit: undefined, ...some };
}
