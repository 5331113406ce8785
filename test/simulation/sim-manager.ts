import type { Command, CommandKind, CommandTable } from "../../src/core/commands.ts";
import { Core } from "../../src/core/core.ts";
import type { CoreOptions } from "../../src/core/state.ts";
import { silentLogger } from "../../src/kit/logger.ts";
import type { Effect, Token } from "../../src/kit/turn.ts";
import type { FlameError } from "../../src/model/errors.ts";
import type { FlameTurn } from "../../src/model/flame-turn.ts";
import { FinishedTasks } from "../../src/session-manager/finished-tasks.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { MemoryTables } from "../../src/storage/memory-tables.ts";
import type { StoredState } from "../../src/storage/store.ts";
import type { Auditor } from "./auditor.ts";
import type { Ledger } from "./ledger.ts";
import { StreamAuditor } from "./stream-auditor.ts";
import { StreamHost } from "./stream-host.ts";
import type { Timer, World } from "./world.ts";

/** What the network gets from the session manager for one call or stream. */
export interface Receiver {
  reply(value: unknown): void;
  fail(error: FlameError): void;
  push(value: unknown): void;
  end(error?: FlameError): void;
  /** The process died: the connection breaks. */
  lost(): void;
}

export interface ServerCall {
  readonly token: Token;
  /** The caller went away. */
  cancel(): void;
}

export interface Waiter {
  readonly command: Command;
  readonly receiver: Receiver;
}

/**
 * Where the process dies around its n-th commit: before it, after it, or after it with some of its effects sent.
 */
export interface PlannedCrash {
  readonly commit: number;
  readonly place: CrashPlace;
}

export const crashPlaces = ["before", "after", "amid"] as const;
export type CrashPlace = (typeof crashPlaces)[number];

/**
 * A session manager: the real machine and the real memory store, run as the engine does. Commands are gathered into
 * turns, a turn's changes are committed, only then do its effects leave, but for leases, which go before; ticks come at the
 * machine's own deadlines alone.
 */
export class SimManager {
  readonly waiters = new Map<Token, Waiter>();
  /** What its store holds. */
  readonly tables = new MemoryTables();
  readonly store = new MemoryStore(this.tables);
  /** Serves client streams; undefined while the process is down. */
  streams: StreamHost | undefined;
  commits = 0;
  readonly crashes: PlannedCrash[] = [];
  readonly #world: World;
  readonly #options: CoreOptions;
  readonly #auditor: Auditor;
  readonly #streamAuditor: StreamAuditor;
  readonly #plan: PlannedCrash[];
  readonly #tasksKept: number;
  #finished: FinishedTasks | undefined;
  #core: Core | undefined;
  #queue: Command[] = [];
  #nextToken = 1;
  #busy = false;
  #timer: Timer | undefined;
  /** Counts restarts: what was planned for an earlier life does not happen. */
  #life = 0;
  #term = 0;

  /** @param tasksKept finished tasks that an open session keeps */
  constructor(
    world: World,
    options: CoreOptions,
    auditor: Auditor,
    ledger: Ledger,
    plan: PlannedCrash[],
    tasksKept: number,
  ) {
    this.#streamAuditor = new StreamAuditor(ledger, this.tables);
    this.#tasksKept = tasksKept;
    this.#world = world;
    this.#options = options;
    this.#auditor = auditor;
    this.#plan = plan;
  }

  /** Undefined while the process is down. */
  get core(): Core | undefined {
    return this.#core;
  }

  get quiet(): boolean {
    return this.#core !== undefined && !this.#busy;
  }

  /** It does not die any more. */
  calm(): void {
    this.#plan.length = 0;
  }

  async start(): Promise<void> {
    const stored = await this.store.load();
    const core = new Core(
      { ...this.#options, term: ++this.#term },
      stored,
      this.#world.date,
      this.#world.now,
    );
    this.#auditor.restarted(core.state, stored);
    this.#core = core;
    this.#finished = this.#forgetting(stored);
    this.streams = new StreamHost({
      world: this.#world,
      manager: this,
      store: this.store,
      finished: this.#finished,
      tasksKept: this.#tasksKept,
      auditor: this.#streamAuditor,
    });
    this.#world.note(`manager: starts, ${this.commits} commits so far`);
    this.#armTimer();
  }

  /** Undefined when nobody listens. */
  submit<K extends CommandKind>(
    kind: K,
    input: CommandTable[K]["input"],
    receiver: Receiver,
  ): ServerCall | undefined {
    if (this.#core === undefined) return undefined;
    const life = this.#life;
    const token = this.#nextToken++;
    const command = { kind, input, token } as Command;
    this.waiters.set(token, { command, receiver });
    this.#enqueue(command);
    return {
      token,
      cancel: () => {
        if (life === this.#life) this.#cancel(token);
      },
    };
  }

  /** What forgets finished tasks is the real one too; each of its pieces is looked at. */
  #forgetting(stored: StoredState): FinishedTasks {
    const { store } = this;
    const world = this.#world;
    /** Sessions of which a piece was forgotten just now. */
    const looked = new Set<string>();
    return new FinishedTasks(
      {
        store: new Proxy(store, {
          get: (_, key) =>
            key === "forgetFinished"
              ? (...[id, ...how]: Parameters<MemoryStore["forgetFinished"]>) => {
                  const piece = store.forgetFinished(id, ...how);
                  looked.add(id);
                  return piece;
                }
              : (Reflect.get(store, key) as () => unknown).bind(store),
        }),
        clock: {
          now: () => world.date,
          steady: () => world.now,
          after: (ms, act) =>
            world.after(ms, () => {
              act();
              // The store answers in promises: virtual time waits for what follows them.
              return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
                for (const id of looked) this.#auditor.forgot(this.tables, id, this.#tasksKept);
                looked.clear();
              });
            }),
        },
        logger: silentLogger,
        kept: this.#tasksKept,
        isOpen: (id) => this.#core?.state.sessions.find(id)?.record.state === "Open",
      },
      stored.sessions,
    );
  }

  #cancel(token: Token): void {
    const waiter = this.waiters.get(token);
    if (waiter === undefined) return;
    this.waiters.delete(token);
    this.#enqueue({ kind: "cancel", input: { waiting: waiter.command }, token: this.#nextToken++ });
  }

  #enqueue(command: Command): void {
    this.#queue.push(command);
    if (!this.#busy) this.#next();
  }

  #next(): void {
    this.#busy = true;
    const life = this.#life;
    this.#world.after(this.#world.random.between(0, 1), () => {
      if (life === this.#life) this.#turn();
    });
  }

  #turn(): void {
    const core = this.#core;
    if (core === undefined) return;
    const { random } = this.#world;
    const commandsMax = random.chance(0.2) ? 1 : 2000;
    const commands = this.#queue.splice(0, commandsMax);
    for (const { kind, token, input } of commands)
      this.#world.note(`  ${kind} #${token} ${brief(input)}`);
    this.#auditor.taken(commands);
    const turn = core.turn(commands, this.#world.date, this.#world.now);
    this.#auditor.afterTurn(core, turn, this.waiters, this.#queue);
    this.#releaseEarly(turn);
    if (turn.changes.length === 0) {
      this.#release(turn, false);
      this.#rest();
      return;
    }
    const life = this.#life;
    this.#world.after(random.skewed(1, 10), () => {
      if (life === this.#life) this.#commit(core, turn);
    });
  }

  #commit(core: Core, turn: FlameTurn): void {
    const crash = this.#plan[0];
    const place = crash?.commit === this.commits + 1 ? crash.place : undefined;
    if (crash !== undefined && place !== undefined) {
      this.#plan.shift();
      this.crashes.push(crash);
    }
    if (place === "before") {
      this.#crash(`before commit ${this.commits + 1}`);
      return;
    }
    // The memory store applies everything before it returns its promise.
    void this.store.commit(turn.changes);
    this.commits++;
    this.#auditor.committed(turn);
    this.#finished?.committed(turn.changes);
    if (place === "after") {
      this.#auditor.diedAfterCommit(core.state);
      this.#crash(`after commit ${this.commits}`);
      return;
    }
    this.#release(turn, place === "amid");
    if (place === "amid") {
      this.#auditor.diedAfterCommit(core.state);
      this.#crash(`amid the effects of commit ${this.commits}`);
      return;
    }
    this.#rest();
  }

  #releaseEarly({ early }: FlameTurn): void {
    for (const { to, value } of early) {
      const waiter = this.waiters.get(to);
      if (waiter === undefined) continue;
      this.#auditor.seen(waiter.command, { kind: "push", to, value });
      waiter.receiver.push(value);
    }
  }

  #release(turn: FlameTurn, partly: boolean): void {
    const count = partly ? this.#world.random.between(0, turn.effects.length) : turn.effects.length;
    for (const effect of turn.effects.slice(0, count)) {
      const waiter = this.waiters.get(effect.to);
      if (waiter === undefined) continue;
      this.#auditor.seen(waiter.command, effect);
      if (effect.kind === "push") {
        waiter.receiver.push(effect.value);
        continue;
      }
      this.waiters.delete(effect.to);
      this.#world.note(`    -> #${effect.to} ${outcomeOf(effect)}`);
      if (effect.kind === "reply") waiter.receiver.reply(effect.value);
      else if (effect.kind === "fail") waiter.receiver.fail(effect.error);
      else waiter.receiver.end(effect.error);
    }
  }

  #rest(): void {
    if (this.#queue.length > 0) {
      this.#next();
      return;
    }
    this.#busy = false;
    this.#armTimer();
  }

  /** No safety net: nothing wakes the machine but commands and its own deadlines. */
  #armTimer(): void {
    this.#timer?.cancel();
    const at = this.#core?.nextDeadline();
    if (at === undefined) return;
    const life = this.#life;
    this.#timer = this.#world.after(at - this.#world.now, () => {
      if (life === this.#life) this.#enqueue({ kind: "tick", input: {}, token: this.#nextToken++ });
    });
  }

  #crash(where: string): void {
    const world = this.#world;
    world.note(`manager: dies ${where}`);
    this.#life++;
    this.#finished?.close();
    this.#core = undefined;
    this.streams?.die();
    this.streams = undefined;
    this.#busy = false;
    this.#queue = [];
    this.#timer?.cancel();
    const waiters = [...this.waiters.values()];
    this.waiters.clear();
    for (const { receiver } of waiters) receiver.lost();
    const downMs = world.random.chance(0.1)
      ? world.random.between(5_000, 50_000)
      : world.random.skewed(10, 3_000);
    world.after(downMs, () => this.start());
  }
}

function outcomeOf(effect: Effect<FlameError>): string {
  if (effect.kind === "fail") return `${effect.error.code}: ${effect.error.message}`;
  return effect.kind === "reply" ? `reply ${brief(effect.value)}` : effect.kind;
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  return (text ?? "").slice(0, 160);
}
