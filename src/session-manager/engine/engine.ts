import type { Command, CommandKind } from "../../core/commands.ts";
import type { Core } from "../../core/core.ts";
import type { CoreState } from "../../core/state.ts";
import { refuseAll } from "../../core/submit-commands.ts";
import type { Clock, Timer } from "../../kit/clock.ts";
import { FairQueue } from "../../kit/fair-queue.ts";
import { startStopwatch } from "../../kit/stopwatch.ts";
import type { Token } from "../../kit/turn.ts";
import type { Caller } from "../../model/caller.ts";
import type { Change } from "../../model/change.ts";
import { FlameError } from "../../model/errors.ts";
import type { FlameTurn } from "../../model/flame-turn.ts";
import type { Store } from "../../storage/store.ts";
import { DiskPause, diskLookMs, isOfNode, survivesRebuild } from "../storage/disk-pause.ts";
import { growthOf, type StorageGuard } from "../storage/storage-guard.ts";
import { Commits } from "./commits.ts";
import { type Answers, ClientDoor, EngineDoor, type Pending } from "./engine-door.ts";
import type { Payloads } from "./payloads.ts";
import { onlyLooks } from "./shown-changes.ts";
import { TurnPace } from "./turn-pace.ts";
import type { Leaving } from "./unsettled-turns.ts";

/**
 * Commands of nodes and of the session manager itself in one turn at most; and of clients, connection by connection in
 * turn. The rest waits for the next turn, so that a flood can hold back nobody's replies for long.
 */
const ownCommandsPerTurnMax = 2_000;
const clientCommandsPerTurnMax = 512;

type Look = Awaited<ReturnType<StorageGuard["look"]>>;

type TurnScope = NonNullable<Parameters<Core["turn"]>[3]>;

export interface EngineDeps {
  readonly core: Core;
  /** The machine as the store has it, for a disk that refused a commit. @param steady the machine's own clock */
  readonly rebuild: (now: number, steady: number) => Promise<Core>;
  readonly store: Store;
  /** Refuses what grows while the disk is full. */
  readonly guard: StorageGuard;
  readonly payloads: Payloads;
  readonly clock: Clock;
  readonly meter?: EngineMeter;
  /** Told of each batch of changes once it is durable. */
  readonly onCommitted?: (changes: readonly Change[]) => void;
  /** A look at everything even when no event asked for it, in milliseconds; 0 turns the safety net off. */
  readonly safetyNetMs: number;
  /** Told when the disk has refused a commit and the machine was read anew, and when it takes commits again. */
  readonly onDisk?: (refusal: FlameError | undefined) => void;
  /** Nothing more can be trusted: the process must end. */
  readonly onFatal: (error: Error) => void;
}

/** Learns what the engine does; all times in seconds. */
export interface EngineMeter {
  turn(seconds: number, commands: number): void;
  /** Called once the changes are durable. */
  commit(seconds: number, changes: readonly Change[]): void;
  /** The disk refused a commit, and the machine was read anew. */
  rebuilt(): void;
}

interface Waiter extends Answers {
  readonly command: Command;
  readonly from: string | undefined;
  /** No turn has taken the command yet. */
  queued: boolean;
}

/**
 * Runs the machine: gathers commands into turns, makes turns durable, and only then lets their effects out. While one commit
 * is under way, turns are carried out for the next one. Nothing is acknowledged or visible that a crash could take back;
 * leases on streams of nodes go before.
 */
export class Engine extends EngineDoor {
  readonly #deps: EngineDeps;
  readonly #pause: DiskPause;
  #core: Core;
  readonly #waiters = new Map<Token, Waiter>();
  readonly #queue = new FairQueue<Command>(weightOf);
  readonly #commits: Commits;
  readonly #pace: TurnPace;
  #nextToken = 1;
  #running = false;
  #stopped: FlameError | undefined;
  #timer: Timer | undefined;
  #idle: (() => void)[] = [];

  constructor(deps: EngineDeps) {
    super();
    this.#deps = deps;
    this.#core = deps.core;
    this.#pause = new DiskPause(deps);
    this.#commits = new Commits({
      store: deps.store,
      onDurable: (changes, seconds) => {
        this.#durable(changes, seconds);
      },
      release: (leaving) => {
        this.#release(leaving);
      },
      onEnd: () => {
        this.#pace.commitEnded();
      },
    });
    const { unsettled } = this.#commits;
    this.#pace = new TurnPace({ clock: deps.clock, unsettled, oneByOne: () => this.#pause.on });
    this.#armTimer();
  }

  /** What the machine knows now; read by metrics and by what answers without a turn. */
  get state(): CoreState {
    return this.#core.state;
  }

  /** Commands that wait for their turn. */
  get queued(): number {
    return this.#queue.size;
  }

  /** What waits: commands for their turn, and by kind the calls and streams that are not answered yet. */
  get load(): { readonly queued: number; readonly waiting: ReadonlyMap<CommandKind, number> } {
    const waiting = new Map<CommandKind, number>();
    for (const { command } of this.#waiters.values()) {
      waiting.set(command.kind, (waiting.get(command.kind) ?? 0) + 1);
    }
    return { queued: this.queued, waiting };
  }

  /**
   * The door of one client: commands of many clients are carried out in turn.
   * @param from names its connection; undefined: it is not held up by others. @param caller asks for what its roles allow
   */
  of(from: string | undefined, caller?: Caller): EngineDoor {
    const as = caller?.grants === undefined ? undefined : caller;
    return new ClientDoor((kind, input, waiter) => this.#submit(kind, input, waiter, from, as));
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

  #submit(
    kind: CommandKind,
    input: unknown,
    answers: Answers,
    from: string | undefined,
    as?: Caller,
  ): Pending {
    const token = this.#nextToken++;
    const command = { kind, input, token, ...(as !== undefined && { as }) } as Command;
    if (this.#stopped !== undefined) {
      this.#settle(answers, this.#stopped);
      return { token, cancel: () => undefined };
    }
    this.#waiters.set(token, { ...answers, command, from, queued: true });
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
    if (this.#running) {
      this.#pace.commandCame();
      return;
    }
    this.#running = true;
    // After this round of I/O: everything that arrives in it shares one turn, and so one fsync.
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    try {
      while (this.#queue.size > 0 || !this.#commits.unsettled.none) {
        if (this.#queue.size > 0 && this.#pace.mayTurn()) await this.#carryOut();
        this.#commits.begin();
        if (this.#queue.size === 0) this.#armTimer();
        await this.#pace.nextRound(this.#queue.size > 0);
        await this.#rebuildWhenRefused();
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

  /** Carries out what waits, as far as one turn takes it. */
  async #carryOut(): Promise<void> {
    if (this.#pause.on) await this.#goOn();
    const commands = this.#queue.take(ownCommandsPerTurnMax, clientCommandsPerTurnMax);
    const growths = commands.map((command) => growthOf(command, this.#core.state));
    const look = await this.#look(growths);
    await this.#rebuildWhenRefused();
    const admitted = this.#admitted(commands, growths, look);
    const looks = admitted.filter(onlyLooks);
    // What only looks is answered from before what came with it.
    if (looks.length > 0) this.#answer(looks);
    if (looks.length === admitted.length) return;
    this.#turn(looks.length === 0 ? admitted : admitted.filter((one) => !onlyLooks(one)));
  }

  /** Those that are carried out now: what grows is refused while the disk is full, calls of nodes wait on one that refuses. */
  #admitted(commands: readonly Command[], growths: readonly number[], look: Look): Command[] {
    return commands.flatMap((command, index) => {
      const waiter = this.#waiters.get(command.token);
      if (this.#pause.on && isOfNode(command)) {
        this.#pause.hold(command);
        return [];
      }
      if (waiter === undefined) return [command];
      waiter.queued = false;
      const growth = growths[index] ?? 0;
      if (growth === 0) return [command];
      const refusal = this.#pause.refusal ?? look(growth);
      if (refusal === undefined) return [command];
      const isSubmit = command.kind === "submit.tasks";
      // The numbers of submits are used up even so: those behind them are on their way.
      if (isSubmit && !this.#pause.on)
        return [{ ...command, input: refuseAll(command.input, refusal) }];
      this.#waiters.delete(command.token);
      // While not even that can be written, the client comes again with the same numbers.
      this.#settle(waiter, isSubmit ? new FlameError("unavailable", refusal.message) : refusal);
      return [];
    });
  }

  /** What refuses what does not fit: nobody looks at the disk where nothing grows. */
  async #look(growths: readonly number[]): Promise<Look> {
    const bytes = this.#pause.on ? 0 : growths.reduce((sum, one) => sum + one, 0);
    return bytes === 0 ? () => undefined : this.#deps.guard.look(bytes);
  }

  /** Answers what only looks: at once, unless it shows what is not durable. */
  #answer(commands: readonly Command[]): void {
    const asked = new Map(commands.map((command) => [command.token, command]));
    const turn = this.#carriedOut(commands, "commands");
    for (const effect of turn.effects) {
      const command = asked.get(effect.to);
      if (!this.#commits.unsettled.addAnswer(command, effect))
        this.#release({ late: [], effects: [effect] });
    }
  }

  #turn(commands: readonly Command[]): void {
    if (commands.length === 0) return;
    const turn = this.#carriedOut(commands, this.#pause.on ? "commands" : "everything");
    const late = this.#releaseEarly(turn);
    if (!this.#commits.unsettled.add(turn, late)) this.#release({ late, effects: turn.effects });
  }

  #carriedOut(commands: readonly Command[], scope: TurnScope): FlameTurn {
    const { clock, meter } = this.#deps;
    const turning = startStopwatch();
    const turn = this.#core.turn(commands, clock.now(), this.#pause.steady(), scope);
    meter?.turn(turning(), commands.length);
    this.#pace.noteTurn();
    return turn;
  }

  #durable(changes: readonly Change[], seconds: number): void {
    this.#deps.meter?.commit(seconds, changes);
    this.#deps.payloads.keepOf(changes, "output");
    this.#deps.onCommitted?.(changes);
  }

  /** @returns what is to go when the turn is durable: what a stream does not take early, and all that follows it there */
  #releaseEarly({ changes, effects, early }: FlameTurn): FlameTurn["early"] {
    // Before anything asks for them: a lease may be read out of the store only when its task is there.
    this.#deps.payloads.keepOf(changes, "input");
    if (changes.length > 0)
      for (const effect of effects)
        if (effect.kind === "reply") this.#waiters.get(effect.to)?.foresee?.(effect.value);
    if (early.length === 0) return early;
    const waiting = new Set<Token>();
    return early.filter(({ to, value }) => {
      const waits = waiting.has(to) || this.#commits.unsettled.hasOrdered(to);
      const taken = !waits && this.#waiters.get(to)?.sink?.pushEarly?.(value) === true;
      if (!taken) waiting.add(to);
      return !taken;
    });
  }

  /**
   * The disk refused a commit, so memory is ahead of it: the machine is read anew. Who waits inside the old one is told to
   * come again; calls of nodes go into the new one, so that no node loses what it has.
   * @throws what the commit threw when nothing more can be trusted
   */
  async #rebuildWhenRefused(): Promise<void> {
    const failure = this.#commits.takeFailure();
    if (failure === undefined) return;
    this.#pause.begin(failure.thrown);
    const again: Waiter[] = [];
    for (const [token, waiter] of [...this.#waiters]) {
      if (waiter.queued) continue;
      if (survivesRebuild(waiter.command, waiter.from)) again.push(waiter);
      else {
        this.#waiters.delete(token);
        this.#settle(waiter, lostTurn);
      }
    }
    this.#core = await this.#deps.rebuild(this.#deps.clock.now(), this.#pause.steady());
    for (const waiter of again) {
      waiter.queued = true;
      this.#queue.push(waiter.command, waiter.from);
    }
    this.#deps.meter?.rebuilt();
  }

  /** Takes the calls of nodes up again as soon as the disk takes commits. */
  async #goOn(): Promise<void> {
    for (const command of await this.#pause.tryToEnd()) {
      this.#queue.push(command, this.#waiters.get(command.token)?.from);
    }
  }

  #release({ late, effects }: Leaving): void {
    for (const { to, value } of late) this.#waiters.get(to)?.sink?.push(value);
    for (const effect of effects) {
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
    const { clock, safetyNetMs } = this.#deps;
    const now = this.#pause.steady();
    const net = safetyNetMs > 0 ? now + safetyNetMs : Number.POSITIVE_INFINITY;
    const wanted = Math.min(this.#core.nextDeadline() ?? Number.POSITIVE_INFINITY, net);
    const wait = this.#pause.on ? diskLookMs : Math.max(0, wanted - now);
    if (wait === Number.POSITIVE_INFINITY) return;
    this.#timer = clock.after(wait, () => {
      this.#enqueue({ kind: "tick", input: {}, token: this.#nextToken++ }, undefined);
    });
  }
}

/** How many commands of the usual size it is worth. */
function weightOf(command: Command): number {
  return command.kind === "submit.tasks" ? command.input.inputs.length : 1;
}

const lostTurn = new FlameError(
  "unavailable",
  "the disk of the session manager refused a write, so this call is not known to have done anything; its state was read " +
    "anew from what is on disk: try again",
);
