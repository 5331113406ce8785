import type { AwaitingTask, HeldLease, NodeWork } from "../../src/core/node-work.ts";
import type { BindReply } from "../../src/executors/executor-book.ts";
import type { WorkPush } from "../../src/executors/node-book.ts";
import type { ExecutorRecord } from "../../src/model/executor.ts";
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
  /** The session that its service has entered. */
  readonly entered: string | undefined;
  /** @returns those that are taken; others are given back. */
  assigned(lease: string, task: TaskRecord): boolean;
  /** @returns those that had not begun, and will not; and the one of them that runs. */
  takenBack(leases: readonly string[]): { leases: string[]; begun?: string };
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
  readonly #onBind: ((executor: ExecutorRecord, given: BindReply) => void) | undefined;
  #stream: Exchange | undefined;
  #asked: Exchange | undefined;
  #over: (() => void) | undefined;
  #mayOpen = true;

  /** @param onBind takes a new executor with its session; undefined: the node takes none */
  constructor(
    world: World,
    link: Link,
    name: string,
    caller: NodeCaller,
    onBind?: (executor: ExecutorRecord, given: BindReply) => void,
  ) {
    this.#onBind = onBind;
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

  /** What names the stream of now; undefined: there is none. */
  get stream(): unknown {
    return this.#stream;
  }

  /** Between two registrations of a node that takes new executors there is no stream: what it registers is all that it has. */
  set mayOpen(may: boolean) {
    this.#mayOpen = may;
    if (may || this.#onBind === undefined) return;
    this.#stream = undefined;
    this.#asked?.abandon();
    this.#asked = undefined;
    this.#over?.();
  }

  /** The executor is in a session, or about to be: what is assigned to it is taken. */
  attach(id: string, executor: WorkExecutor): void {
    this.#executors.set(id, executor);
  }

  /** The executor serves a session now; it is introduced on this stream and on each later one. */
  join(id: string, executor: WorkExecutor): void {
    this.attach(id, executor);
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

  #introduce(executorId: string, { held, results, credit, entered, awaits }: WorkExecutor): void {
    this.say({
      ready: [{ executorId, credit, held, ...(entered !== undefined && { entered }) }],
      completions: results.map((one) => ({ executorId, ...one })),
      awaits: awaits === undefined ? [] : [awaits],
    });
  }

  *#live(): Script {
    for (;;) {
      if (this.#mayOpen || this.#onBind === undefined)
        yield* until<void>((resume) => this.#follow(resume));
      yield* pause(this.#world, this.#world.random.skewed(20, 2_000));
    }
  }

  #follow(over: () => void): void {
    this.#over = over;
    const end = (): void => {
      this.#stream = undefined;
      over();
    };
    const binds = this.#onBind !== undefined;
    const stream = this.#link.begin(
      "node.work",
      { name: this.#name, caller: this.#caller, binds },
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
    this.#asked = stream;
  }

  #take(push: WorkPush): void {
    // Which services are started before there is a session changes nothing that the machine sees.
    if (push.kind === "warm") return;
    if (push.kind === "bind") {
      this.#onBind?.(push.executor, push.reply);
      return;
    }
    const { executorId } = push;
    const executor = this.#executors.get(executorId);
    switch (push.kind) {
      case "assignment":
        if (executor?.assigned(push.lease, push.task) === true) return;
        this.say({ returns: [{ executorId, leases: [push.lease] }] });
        return;
      case "takeBack":
        this.say({
          returns: [{ executorId, ...(executor?.takenBack(push.leases) ?? { leases: [] }) }],
        });
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
