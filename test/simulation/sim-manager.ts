import type { Command, CommandKind, CommandTable } from "../../src/core/commands.ts";
import { Core } from "../../src/core/core.ts";
import type { CoreOptions } from "../../src/core/state.ts";
import type { Effect, Token } from "../../src/kit/turn.ts";
import type { Change } from "../../src/model/change.ts";
import type { FlameError } from "../../src/model/errors.ts";
import type { FlameTurn } from "../../src/model/flame-turn.ts";
import { onlyLooks } from "../../src/session-manager/engine/shown-changes.ts";
import { type Leaving, UnsettledTurns } from "../../src/session-manager/engine/unsettled-turns.ts";
import type { FinishedTasks } from "../../src/session-manager/storage/finished-tasks.ts";
import type { SessionEntry } from "../../src/sessions/session-entry.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { MemoryTables } from "../../src/storage/memory-tables.ts";
import type { Auditor } from "./auditor.ts";
import type { Ledger } from "./ledger.ts";
import { StreamAuditor } from "./stream-auditor.ts";
import { StreamHost } from "./stream-host.ts";
import { watchedForgetting } from "./watched-forgetting.ts";
import { type Timer, Violation, type World } from "./world.ts";

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
  /** Of a lane, once a turn has taken it: another session may bear the id of the one it was opened for. */
  session?: SessionEntry;
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
 * turns, turns are committed, only then do their effects leave, but for leases, which go before. While a commit is under way,
 * turns are carried out for the next one; what only looks waits for what it may show. Ticks come at the machine's own
 * deadlines alone.
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
  #unsettled = new UnsettledTurns();
  /** Turns of the commit under way, and of the next one. */
  #committing: FlameTurn[] = [];
  #gathered: FlameTurn[] = [];
  /** A turn was carried out beside the commit under way. */
  #ahead = false;
  /** What waits for the disk, and perhaps what has left since. */
  #held: Effect<FlameError>[] = [];
  #planned = false;
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
    this.#finished = watchedForgetting(
      {
        world: this.#world,
        store: this.store,
        tables: this.tables,
        auditor: this.#auditor,
        kept: this.#tasksKept,
        isOpen: (id) => this.#core?.state.sessions.find(id)?.record.state === "Open",
      },
      stored,
    );
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

  #cancel(token: Token): void {
    const waiter = this.waiters.get(token);
    if (waiter === undefined) return;
    this.waiters.delete(token);
    this.#enqueue({ kind: "cancel", input: { waiting: waiter.command }, token: this.#nextToken++ });
  }

  #enqueue(command: Command): void {
    this.#queue.push(command);
    this.#busy = true;
    this.#next();
  }

  /** Another turn, a moment from now or while the commit under way goes on. */
  #next(): void {
    if (this.#planned || this.#queue.length === 0 || this.#unsettled.full) return;
    this.#planned = true;
    const life = this.#life;
    const { random } = this.#world;
    const waitMs = this.#unsettled.committing ? random.between(0, 4) : random.between(0, 1);
    this.#world.after(waitMs, () => {
      if (life !== this.#life) return;
      this.#planned = false;
      this.#turn();
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
    const looks = commands.filter(onlyLooks);
    if (looks.length > 0) this.#answer(core, looks);
    const others = commands.filter((command) => !onlyLooks(command));
    if (others.length > 0) this.#carryOut(core, others);
    this.#beginCommit(core);
    this.#next();
    this.#rest();
  }

  #answer(core: Core, commands: readonly Command[]): void {
    const asked = new Map(commands.map((command) => [command.token, command]));
    const turn = core.turn(commands, this.#world.date, this.#world.now, "commands");
    if (turn.changes.length > 0)
      throw new Violation("a command that only looks has changed something");
    for (const effect of turn.effects)
      if (this.#unsettled.addAnswer(asked.get(effect.to), effect)) this.#held.push(effect);
      else this.#release([{ late: [], effects: [effect] }], false);
  }

  #carryOut(core: Core, commands: readonly Command[]): void {
    this.#auditor.taken(commands);
    this.#ahead = true;
    const turn = core.turn(commands, this.#world.date, this.#world.now);
    this.#auditor.afterTurn(core, turn, {
      waiters: this.waiters,
      queue: this.#queue,
      leaving: [...this.#answersHeld(), ...turn.effects],
    });
    const late = this.#releaseEarly(turn);
    if (turn.changes.length > 0) this.#gathered.push(turn);
    if (!this.#unsettled.add(turn, late)) this.#release([{ late, effects: turn.effects }], false);
    else this.#held.push(...turn.effects);
  }

  /** Whoever was answered waits no more. */
  #answersHeld(): readonly Effect<FlameError>[] {
    this.#held = this.#held.filter(({ kind, to }) => kind !== "push" && this.waiters.has(to));
    return this.#held;
  }

  #beginCommit(core: Core): void {
    const changes = this.#unsettled.begin();
    if (changes === undefined) return;
    this.#committing = this.#gathered;
    this.#gathered = [];
    this.#ahead = false;
    const life = this.#life;
    this.#world.after(this.#world.random.skewed(1, 10), () => {
      if (life === this.#life) this.#commit(core, changes);
    });
  }

  #commit(core: Core, changes: readonly Change[]): void {
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
    void this.store.commit(changes);
    this.commits++;
    for (const turn of this.#committing.splice(0)) this.#auditor.committed(turn);
    this.#finished?.committed(changes);
    if (place === "after") {
      this.#diedAfterCommit(core);
      this.#crash(`after commit ${this.commits}`);
      return;
    }
    this.#release(this.#unsettled.settle(), place === "amid");
    if (place === "amid") {
      this.#diedAfterCommit(core);
      this.#crash(`amid the effects of commit ${this.commits}`);
      return;
    }
    this.#beginCommit(core);
    this.#next();
    this.#rest();
  }

  /** Memory is compared with what a restart reads, where no turn is ahead of the disk. */
  #diedAfterCommit(core: Core): void {
    if (!this.#ahead) this.#auditor.diedAfterCommit(core.state);
  }

  /** @returns what does not go early */
  #releaseEarly({ early }: FlameTurn): FlameTurn["early"] {
    return early.filter(({ to, value }) => {
      if (this.#unsettled.hasOrdered(to)) return true;
      this.#push(to, value);
      return false;
    });
  }

  #push(to: Token, value: unknown): void {
    const waiter = this.waiters.get(to);
    if (waiter === undefined) return;
    this.#auditor.seen(waiter.command, { kind: "push", to, value });
    waiter.receiver.push(value);
  }

  /** @param partly the process dies amid them */
  #release(leaving: readonly Leaving[], partly: boolean): void {
    const effects = leaving.flatMap(({ late, effects: later }) => [
      ...late.map((one) => ({ kind: "push", ...one }) as const),
      ...later,
    ]);
    const count = partly ? this.#world.random.between(0, effects.length) : effects.length;
    for (const effect of effects.slice(0, count)) {
      const waiter = this.waiters.get(effect.to);
      if (waiter === undefined) continue;
      if (effect.kind === "push") {
        this.#push(effect.to, effect.value);
        continue;
      }
      this.#auditor.seen(waiter.command, effect);
      this.waiters.delete(effect.to);
      this.#world.note(`    -> #${effect.to} ${outcomeOf(effect)}`);
      if (effect.kind === "reply") waiter.receiver.reply(effect.value);
      else if (effect.kind === "fail") waiter.receiver.fail(effect.error);
      else waiter.receiver.end(effect.error);
    }
  }

  #rest(): void {
    if (this.#queue.length > 0 || !this.#unsettled.none) return;
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
    this.#planned = false;
    this.#queue = [];
    this.#unsettled = new UnsettledTurns();
    this.#committing = [];
    this.#gathered = [];
    this.#held = [];
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
