import type { CallKind, CommandKind, CommandTable, Reply } from "../../src/core/commands.ts";
import type { NodeWork } from "../../src/core/node-work.ts";
import type { FlameError } from "../../src/model/errors.ts";
import type { NodeReport } from "../../src/model/node.ts";
import { type Script, until } from "./script.ts";
import type { Receiver, ServerCall, SimManager } from "./sim-manager.ts";
import type { World } from "./world.ts";

/** How a call ended at its caller: with an answer, with the server's refusal, or with the connection. */
export type CallResult<K extends CallKind> =
  | { readonly kind: "ok"; readonly value: Reply<K> }
  | { readonly kind: "refused"; readonly error: FlameError }
  | { readonly kind: "broken" };

/** What a caller hears; nothing more after `reply`, `fail`, `end` or `broken`. */
export interface Listener {
  reply?(value: unknown): void;
  fail?(error: FlameError): void;
  push?(value: unknown): void;
  acknowledged?(): void;
  end?(): void;
  broken(): void;
}

/** What breaks with the connection. */
export interface Breakable {
  /** Each end sees it after at most so many milliseconds. */
  break(callerDelayMsMax: number, serverDelayMsMax: number): void;
  abandon(serverDelayMs: number): void;
}

/** One machine's way to the session manager, with the faults of a network. */
export class Link {
  readonly world: World;
  readonly manager: SimManager;
  /** Part of the messages that get lost in a storm. */
  readonly lossRate: number;
  cut = false;
  readonly #open = new Set<Breakable>();

  constructor(world: World, manager: SimManager, lossRate: number) {
    this.world = world;
    this.manager = manager;
    this.lossRate = lossRate;
  }

  /** A unary call, as a step of a script. */
  *ask<K extends CallKind>(kind: K, input: CommandTable[K]["input"]): Script<CallResult<K>> {
    return yield* until<CallResult<K>>((resume) => void this.call(kind, input, resume));
  }

  call<K extends CallKind>(
    kind: K,
    input: CommandTable[K]["input"],
    resume: (result: CallResult<K>) => void,
  ): Exchange {
    return this.begin(kind, input, {
      reply: (value) => resume({ kind: "ok", value: value as Reply<K> }),
      fail: (error) => resume({ kind: "refused", error }),
      broken: () => resume({ kind: "broken" }),
    });
  }

  begin(kind: CommandKind, input: object, listener: Listener): Exchange {
    const exchange = new Exchange(this, kind, input, listener, (over) => this.#open.delete(over));
    this.#open.add(exchange);
    exchange.begin();
    return exchange;
  }

  /** Something breaks with this way from now on. @returns what ends that */
  track(one: Breakable): () => void {
    this.#open.add(one);
    return () => void this.#open.delete(one);
  }

  /** Nothing gets through for a while; both ends notice sooner or later, each by itself. */
  partition(ms: number): void {
    const { random } = this.world;
    this.cut = true;
    for (const exchange of [...this.#open])
      exchange.break(random.skewed(10, 20_000), random.skewed(10, 20_000));
    this.world.after(ms, () => {
      this.cut = false;
    });
  }

  /** The machine is gone: nobody hears what comes, and the server sees it at once or after a while. */
  abandonAll(serverDelayMs: number): void {
    for (const exchange of [...this.#open]) exchange.abandon(serverDelayMs);
  }

  delay(): number {
    const { random, stormy } = this.world;
    return stormy && random.chance(0.03) ? random.between(50, 3_000) : random.between(0, 3);
  }

  loses(): boolean {
    return this.world.stormy && this.world.random.chance(this.lossRate);
  }
}

/** One call or stream between its caller and the session manager. */
export class Exchange {
  readonly #link: Link;
  readonly #kind: CommandKind;
  readonly #input: object;
  readonly #listener: Listener;
  readonly #onOver: (self: Exchange) => void;
  #listening = true;
  /** The connection is gone, even if an end has not noticed yet: nothing gets through any more. */
  #dead = false;
  #server: ServerCall | undefined;
  /** Messages of one exchange do not overtake each other. */
  #lastArrival = 0;
  #lastDeparture = 0;

  constructor(
    link: Link,
    kind: CommandKind,
    input: object,
    listener: Listener,
    onOver: (self: Exchange) => void,
  ) {
    this.#link = link;
    this.#kind = kind;
    this.#input = input;
    this.#listener = listener;
    this.#onOver = onOver;
  }

  begin(): void {
    const { world, manager } = this.#link;
    const lost = this.#link.loses();
    const replyLost = this.#link.loses();
    world.after(this.#link.delay(), () => {
      if (!this.#listening || this.#dead) return;
      if (this.#link.cut || lost) {
        this.#breakCaller(world.random.skewed(1, 2_000));
        return;
      }
      this.#server = manager.submit(this.#kind, this.#input, this.#receiver(replyLost));
      if (this.#server === undefined) this.#breakCaller(world.random.between(1, 10));
      else this.#listener.acknowledged?.();
    });
    const waits = ["executor.bind", "executor.launch", "node.watch", "node.work", "task.watch"];
    if (waits.includes(this.#kind) && this.#link.loses())
      world.after(world.random.skewed(100, 30_000), () => this.break(0, 500));
  }

  /** A node's heartbeat on its stream. */
  beat(report: NodeReport): void {
    this.#link.world.after(this.#link.delay(), () => {
      const server = this.#server;
      if (!this.#listening || this.#dead || this.#link.cut || server === undefined) return;
      this.#link.manager.submit("node.beat", { stream: server.token, report }, noReceiver);
      this.#toCaller(() => this.#listener.acknowledged?.());
    });
  }

  /** A message of a node on its work stream; those of one stream do not overtake each other, and none is lost but with it. */
  work(name: string, work: NodeWork): void {
    const { world, manager } = this.#link;
    this.#lastDeparture = Math.max(this.#lastDeparture, world.now + this.#link.delay());
    if (this.#link.loses()) this.break(500, 500);
    world.after(this.#lastDeparture - world.now, () => {
      const server = this.#server;
      if (!this.#listening || this.#dead || server === undefined) return;
      if (this.#link.cut) this.break(10_000, 10_000);
      else manager.submit("node.worked", { stream: server.token, name, work }, noReceiver);
    });
  }

  /** The caller does not want it any more. */
  abandon(serverDelayMs = this.#link.delay()): void {
    this.#over();
    this.#cancelServer(serverDelayMs);
  }

  /** The connection breaks; each end sees it after at most so many milliseconds. */
  break(callerDelayMsMax: number, serverDelayMsMax: number): void {
    if (!this.#listening || this.#dead) return;
    this.#dead = true;
    const { random } = this.#link.world;
    this.#breakCaller(random.between(0, callerDelayMsMax));
    this.#cancelServer(random.between(0, serverDelayMsMax));
  }

  #receiver(replyLost: boolean): Receiver {
    const last = (action: () => void): void => {
      this.#server = undefined;
      if (replyLost) this.#breakCaller(this.#link.world.random.skewed(1, 2_000));
      else
        this.#toCaller(() => {
          this.#over();
          action();
        });
    };
    return {
      reply: (value) => last(() => this.#listener.reply?.(value)),
      fail: (error) => last(() => this.#listener.fail?.(error)),
      push: (value) => this.#toCaller(() => this.#listener.push?.(value)),
      end: () => last(() => this.#listener.end?.()),
      lost: () => {
        this.#server = undefined;
        this.#breakCaller(this.#link.world.random.between(0, 50));
      },
    };
  }

  #toCaller(action: () => void): void {
    const { world } = this.#link;
    this.#lastArrival = Math.max(this.#lastArrival, world.now + this.#link.delay());
    world.after(this.#lastArrival - world.now, () => {
      if (!this.#listening || this.#dead) return;
      // A message that cannot be delivered is the end of a connection.
      if (this.#link.cut) this.break(10_000, 10_000);
      else action();
    });
  }

  #breakCaller(delayMs: number): void {
    this.#link.world.after(delayMs, () => {
      if (!this.#listening) return;
      this.#over();
      this.#listener.broken();
    });
  }

  #cancelServer(delayMs: number): void {
    this.#link.world.after(delayMs, () => {
      this.#server?.cancel();
      this.#server = undefined;
    });
  }

  #over(): void {
    this.#listening = false;
    this.#onOver(this);
  }
}

const noReceiver: Receiver = {
  reply: () => undefined,
  fail: () => undefined,
  push: () => undefined,
  end: () => undefined,
  lost: () => undefined,
};
