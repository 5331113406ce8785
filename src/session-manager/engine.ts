import type {
  CallKind,
  Command,
  CommandKind,
  CommandTable,
  Push,
  Reply,
  StreamKind,
} from "../core/commands.ts";
import type { Core } from "../core/core.ts";
import type { Clock, Timer } from "../kit/clock.ts";
import { FairQueue } from "../kit/fair-queue.ts";
import { startStopwatch } from "../kit/stopwatch.ts";
import type { Token } from "../kit/turn.ts";
import type { Change } from "../model/change.ts";
import { FlameError } from "../model/errors.ts";
import type { FlameTurn } from "../model/flame-turn.ts";
import type { Store } from "../storage/store.ts";
import type { Payloads } from "./payloads.ts";

/**
 * Commands of nodes and of the session manager itself in one turn at most; and of clients, connection by connection in
 * turn. The rest waits for the next turn, so that a flood can hold back nobody's replies for long.
 */
const ownCommandsPerTurnMax = 2_000;
const clientCommandsPerTurnMax = 512;

export interface EngineDeps {
  readonly core: Core;
  readonly store: Store;
  readonly payloads: Payloads;
  readonly clock: Clock;
  readonly meter?: EngineMeter;
  /** Told of each batch of changes once it is durable. */
  readonly onCommitted?: (changes: readonly Change[]) => void;
  /** A look at everything even when no event asked for it, in milliseconds; 0 turns the safety net off. */
  readonly safetyNetMs: number;
  /** Memory is ahead of the disk and can not be taken back: the process must end. */
  readonly onFatal: (error: Error) => void;
}

/** Learns what the engine does; all times in seconds. */
export interface EngineMeter {
  turn(seconds: number, commands: number): void;
  /** Called once the changes are durable. */
  commit(seconds: number, changes: readonly Change[]): void;
}

/** Where the messages of a stream go. */
export interface StreamSink<P> {
  push(value: P): void;
  /** Without an error: a clean end. */
  end(error?: FlameError): void;
}

/** A call or stream that waits inside the machine. */
export interface Pending {
  readonly token: Token;
  /** Tells the machine that nobody waits any more. */
  cancel(): void;
}

/** Where the effects for one caller go. The door that made it has checked that what comes is of its command's types. */
interface Answers {
  readonly reply: (value: unknown) => void;
  readonly fail: (error: FlameError) => void;
  readonly sink?: StreamSink<unknown>;
}

interface Waiter extends Answers {
  readonly command: Command;
  readonly from: string | undefined;
}

/** Ways to ask the machine. */
export abstract class EngineDoor {
  protected abstract submit(kind: CommandKind, input: unknown, waiter: Answers): Pending;

  /** Asks, and waits for the reply. @throws FlameError as the command's rule says. */
  ask<K extends CallKind>(kind: K, input: CommandTable[K]["input"]): Promise<Reply<K>> {
    return new Promise((resolve, reject) => {
      this.call(kind, input, resolve, reject);
    });
  }

  /** Asks with callbacks: for calls that may wait long and whose caller may go away. */
  call<K extends CallKind>(
    kind: K,
    input: CommandTable[K]["input"],
    reply: (value: Reply<K>) => void,
    fail: (error: FlameError) => void,
  ): Pending {
    return this.submit(kind, input, { reply: reply as Answers["reply"], fail });
  }

  /** Opens a stream; a failure of the command itself ends the sink with it. */
  stream<K extends StreamKind>(
    kind: K,
    input: CommandTable[K]["input"],
    sink: StreamSink<Push<K>>,
  ): Pending {
    const fail = (error: FlameError): void => {
      sink.end(error);
    };
    return this.submit(kind, input, {
      reply: () => undefined,
      fail,
      sink: sink,
    });
  }
}

class ClientDoor extends EngineDoor {
  protected readonly submit: EngineDoor["submit"];

  constructor(submit: EngineDoor["submit"]) {
    super();
    this.submit = submit;
  }
}

/**
 * Runs the machine: gathers commands into turns, makes each turn durable, and only then lets its effects out.
 * Nothing is acknowledged or visible that a crash could take back.
 */
export class Engine extends EngineDoor {
  readonly #deps: EngineDeps;
  readonly #waiters = new Map<Token, Waiter>();
  readonly #queue = new FairQueue<Command>();
  #nextToken = 1;
  #running = false;
  #stopped: FlameError | undefined;
  #timer: Timer | undefined;
  #idle: (() => void)[] = [];

  constructor(deps: EngineDeps) {
    super();
    this.#deps = deps;
    this.#armTimer();
  }

  /** What waits: commands for their turn, and by kind the calls and streams that are not answered yet. */
  get load(): { readonly queued: number; readonly waiting: ReadonlyMap<CommandKind, number> } {
    const waiting = new Map<CommandKind, number>();
    for (const { command } of this.#waiters.values()) {
      waiting.set(command.kind, (waiting.get(command.kind) ?? 0) + 1);
    }
    return { queued: this.#queue.size, waiting };
  }

  /** The door of one client: commands of many clients are carried out in turn. @param from names its connection */
  of(from: string): EngineDoor {
    return new ClientDoor((kind, input, waiter) => this.#submit(kind, input, waiter, from));
  }

  protected submit(kind: CommandKind, input: unknown, waiter: Answers): Pending {
    return this.#submit(kind, input, waiter, undefined);
  }

  /**
   * Stops taking commands; resolves when the last turn is durable and its effects are out. Calls that still wait are
   * ended with UNAVAILABLE, so that clients know to come back.
   */
  async stop(): Promise<void> {
    this.#stopped = new FlameError(
      "unavailable",
      "the session manager is stopping; try again when it is back",
    );
    this.#timer?.cancel();
    if (this.#running) await new Promise<void>((resolve) => this.#idle.push(resolve));
    for (const waiter of [...this.#waiters.values()]) this.#settle(waiter, this.#stopped);
    this.#waiters.clear();
  }

  #submit(kind: CommandKind, input: unknown, answers: Answers, from: string | undefined): Pending {
    const token = this.#nextToken++;
    const command = { kind, input, token } as Command;
    if (this.#stopped !== undefined) {
      this.#settle(answers, this.#stopped);
      return { token, cancel: () => undefined };
    }
    this.#waiters.set(token, { ...answers, command, from });
    this.#enqueue(command, from);
    return {
      token,
      cancel: () => {
        this.#cancel(token);
      },
    };
  }

  #cancel(token: Token): void {
    const waiter = this.#waiters.get(token);
    if (waiter === undefined) return;
    this.#waiters.delete(token);
    if (this.#stopped === undefined) {
      // Behind the command that it takes back.
      this.#enqueue(
        { kind: "cancel", input: { waiting: waiter.command }, token: this.#nextToken++ },
        waiter.from,
      );
    }
  }

  #enqueue(command: Command, from: string | undefined): void {
    this.#queue.push(command, from);
    if (this.#running) return;
    this.#running = true;
    // After this round of I/O: everything that arrives in it shares one turn, and so one fsync.
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    try {
      while (this.#queue.size > 0) {
        await this.#turn(this.#queue.take(ownCommandsPerTurnMax, clientCommandsPerTurnMax));
        // Let the replies out and the next requests in.
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.#running = false;
      this.#armTimer();
      for (const resolve of this.#idle.splice(0)) resolve();
    } catch (thrown) {
      this.#stopped = new FlameError(
        "unavailable",
        "the session manager has failed and is ending; see its log",
      );
      this.#deps.onFatal(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  async #turn(commands: readonly Command[]): Promise<void> {
    const { core, store, payloads, clock, meter } = this.#deps;
    const turning = startStopwatch();
    const turn = core.turn(commands, clock.now(), clock.steady());
    meter?.turn(turning(), commands.length);
    if (turn.changes.length > 0) {
      const committing = startStopwatch();
      await store.commit(turn.changes);
      meter?.commit(committing(), turn.changes);
      for (const change of turn.changes) keepPayload(payloads, change);
      this.#deps.onCommitted?.(turn.changes);
    }
    this.#release(turn);
  }

  #release(turn: FlameTurn): void {
    for (const effect of turn.effects) {
      const waiter = this.#waiters.get(effect.to);
      if (waiter === undefined) continue;
      if (effect.kind === "push") {
        waiter.sink?.push(effect.value);
        continue;
      }
      this.#waiters.delete(effect.to);
      if (effect.kind === "reply") waiter.reply(effect.value);
      else if (effect.kind === "fail") waiter.fail(effect.error);
      else waiter.sink?.end(effect.error);
    }
  }

  #settle(waiter: Answers, error: FlameError): void {
    if (waiter.sink === undefined) waiter.fail(error);
    else waiter.sink.end(error);
  }

  #armTimer(): void {
    this.#timer?.cancel();
    if (this.#stopped !== undefined) return;
    const { core, clock, safetyNetMs } = this.#deps;
    const now = clock.steady();
    const net = safetyNetMs > 0 ? now + safetyNetMs : Number.POSITIVE_INFINITY;
    const at = Math.min(core.nextDeadline() ?? Number.POSITIVE_INFINITY, net);
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = clock.after(Math.max(0, at - now), () => {
      this.#enqueue({ kind: "tick", input: {}, token: this.#nextToken++ }, undefined);
    });
  }
}

function keepPayload(payloads: Payloads, change: Change): void {
  if (change.kind === "task.put") {
    if (change.input !== undefined)
      payloads.keep(change.record.sessionId, change.record.id, "input", change.input);
    if (change.output !== undefined)
      payloads.keep(change.record.sessionId, change.record.id, "output", change.output);
  }
}
