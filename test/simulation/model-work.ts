import type { AwaitingTask, HeldLease, NodeWork } from "../../src/core/work-commands.ts";
import type { WorkPush } from "../../src/executors/node-book.ts";
import type { NodeCaller } from "../../src/model/node.ts";
import type { TaskOutcome, TaskRecord } from "../../src/model/task.ts";
import type { Exchange, Link } from "./network.ts";
import { pause, Running, type Script, until } from "./script.ts";
import type { World } from "./world.ts";

/** An executor as the node's work stream knows it. */
export interface WorkExecutor {
  /** Every lease of which it has no acknowledgement, in the order in which they came, and results among them. */
  readonly held: readonly HeldLease[];
  readonly results: readonly { readonly lease: string; readonly outcome: TaskOutcome }[];
  readonly credit: number;
  /** What its task waits for. */
  readonly awaits: AwaitingTask | undefined;
  /** @returns those that are taken; others are given back. */
  assigned(lease: string, task: TaskRecord): boolean;
  /** @returns those that had not begun, and will not. */
  takenBack(leases: readonly string[]): string[];
  acknowledged(leases: readonly string[]): void;
  leave(): void;
}

/** The work stream of a node: opened again and again, as long as the node lives. */
export class ModelWork {
  readonly #world: World;
  readonly #link: Link;
  readonly #name: string;
  readonly #caller: NodeCaller;
  readonly #executors = new Map<string, WorkExecutor>();
  readonly #life: Running;
  #stream: Exchange | undefined;

  constructor(world: World, link: Link, name: string, caller: NodeCaller) {
    this.#world = world;
    this.#link = link;
    this.#name = name;
    this.#caller = caller;
    this.#life = new Running(this.#live());
  }

  close(): void {
    this.#life.stop();
    this.#stream = undefined;
  }

  /** The executor serves a session now; it is introduced on this stream and on each later one. */
  join(id: string, executor: WorkExecutor): void {
    this.#executors.set(id, executor);
    this.#introduce(id, executor);
  }

  leave(id: string): void {
    this.#executors.delete(id);
  }

  say(work: Partial<NodeWork>): void {
    this.#stream?.work(this.#name, {
      ready: [],
      completions: [],
      returns: [],
      awaits: [],
      ...work,
    });
  }

  #introduce(executorId: string, { held, results, credit, awaits }: WorkExecutor): void {
    this.say({
      ready: [{ executorId, credit, held }],
      completions: results.map((one) => ({ executorId, ...one })),
      awaits: awaits === undefined ? [] : [awaits],
    });
  }

  *#live(): Script {
    for (;;) {
      yield* until<void>((resume) => this.#follow(resume));
      yield* pause(this.#world, this.#world.random.skewed(20, 2_000));
    }
  }

  #follow(over: () => void): void {
    const end = (): void => {
      this.#stream = undefined;
      over();
    };
    const stream = this.#link.begin(
      "node.work",
      { name: this.#name, caller: this.#caller },
      {
        acknowledged: () => {
          this.#stream = stream;
          for (const [id, executor] of this.#executors) this.#introduce(id, executor);
        },
        push: (value) => this.#take(value as WorkPush),
        end,
        broken: end,
        fail: end,
      },
    );
  }

  #take(push: WorkPush): void {
    // Which services are started before there is a session changes nothing that the machine sees.
    if (push.kind === "warm") return;
    const { executorId } = push;
    const executor = this.#executors.get(executorId);
    switch (push.kind) {
      case "assignment":
        if (executor?.assigned(push.lease, push.task) === true) return;
        this.say({ returns: [{ executorId, leases: [push.lease] }] });
        return;
      case "takeBack":
        this.say({ returns: [{ executorId, leases: executor?.takenBack(push.leases) ?? [] }] });
        return;
      case "acknowledgement":
        executor?.acknowledged(push.leases);
        return;
      case "leave":
        executor?.leave();
        return;
    }
  }
}
