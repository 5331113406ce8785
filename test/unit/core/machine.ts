import type {
  CallKind,
  Command,
  CommandKind,
  CommandTable,
  Push,
  Reply,
  StreamKind,
} from "../../../src/core/commands.ts";
import { Core } from "../../../src/core/core.ts";
import type { CoreOptions, CoreState } from "../../../src/core/state.ts";
import type { Token } from "../../../src/kit/turn.ts";
import type { ApplicationSpec } from "../../../src/model/application-spec.ts";
import { internalCaller } from "../../../src/model/caller.ts";
import type { Change } from "../../../src/model/change.ts";
import type { FlameError } from "../../../src/model/errors.ts";
import type { ExecutorState } from "../../../src/model/executor.ts";
import type { Resources } from "../../../src/model/resources.ts";
import { defaultPolicies } from "../../../src/model/scheduling-policy.ts";
import type { SessionRequest } from "../../../src/model/session.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { MemoryTables } from "../../../src/storage/memory-tables.ts";

export const gib = 1024 ** 3;
export const small: Resources = { cpu: 1, memory: gib, gpu: 0 };

/** What came of one call so far. */
export interface Call<K extends CommandKind> {
  readonly token: Token;
  readonly command: Command;
  reply: (K extends CallKind ? Reply<K> : never) | undefined;
  replied: boolean;
  error: FlameError | undefined;
  readonly pushes: (K extends StreamKind ? Push<K> : never)[];
  ended: boolean;
}

/** The machine with a memory store behind it and a clock that the test turns. */
export class Machine {
  /** Steady milliseconds. */
  now = 1_000_000;
  /** How far the date is from it: tests set the date. */
  dateAheadMs = 0;
  core: Core;
  /** What its store holds. */
  readonly tables = new MemoryTables();
  readonly store = new MemoryStore(this.tables);
  /** What could leave before the disk had its turn. */
  readonly early: unknown[] = [];
  readonly options: CoreOptions;
  readonly #calls = new Map<Token, Call<CommandKind>>();
  #token = 0;
  #executors = 0;
  #term = 1;

  constructor(options: Partial<CoreOptions> = {}) {
    this.options = {
      resreq: small,
      policies: defaultPolicies,
      bindRetryLimit: 5,
      executorsPerNodeMax: 128,
      sessionsMax: Number.POSITIVE_INFINITY,
      openSessionsMax: Number.POSITIVE_INFINITY,
      openTasksMax: Number.POSITIVE_INFINITY,
      quotas: [],
      applicationsMax: Number.POSITIVE_INFINITY,
      absentClientMs: Number.POSITIVE_INFINITY,
      idleSessionMs: Number.POSITIVE_INFINITY,
      closedSessionRetentionMs: Number.POSITIVE_INFINITY,
      nodeSilenceMs: 15_000,
      nodeGraceMs: 30_000,
      isReplacedElsewhere: () => false,
      newExecutorId: () => `e${++this.#executors}`,
      term: 1,
      ...options,
    };
    const nothing = {
      applications: [],
      pinnedRevisions: [],
      sessions: [],
      openTasks: [],
      executors: [],
      nodes: [],
    };
    this.core = new Core(this.options, nothing, this.now);
  }

  get state(): CoreState {
    return this.core.state;
  }

  /** A call that may wait; one turn. */
  begin<K extends CommandKind>(kind: K, input: CommandTable[K]["input"]): Call<K> {
    const call = this.#newCall(kind, input);
    this.turn([call.command]);
    return call;
  }

  /** A call that is answered at once. @throws FlameError what the machine answers. */
  ask<K extends CallKind>(kind: K, input: CommandTable[K]["input"]): Reply<K> {
    const call = this.begin(kind, input);
    if (call.error !== undefined) throw call.error;
    if (!call.replied) throw new Error(`${kind} was not answered`);
    return call.reply;
  }

  /** The error that a call is answered with. */
  refusal<K extends CommandKind>(kind: K, input: CommandTable[K]["input"]): FlameError {
    const { error, replied } = this.begin(kind, input);
    if (error === undefined)
      throw new Error(`${kind} was ${replied ? "answered" : "left waiting"}, expected a refusal`);
    return error;
  }

  cancel(call: Call<CommandKind>): void {
    this.begin("cancel", { waiting: call.command });
  }

  turn(commands: readonly Command[]): readonly Change[] {
    const turn = this.core.turn(commands, this.now + this.dateAheadMs, this.now);
    void this.store.commit(turn.changes);
    this.early.push(...turn.early.map(({ value }) => value));
    const early = turn.early.map((one) => ({ kind: "push", ...one }) as const);
    for (const effect of [...early, ...turn.effects]) {
      const call = this.#calls.get(effect.to);
      if (call === undefined) continue;
      if (call.replied || call.ended || call.error !== undefined)
        throw new Error(`${call.command.kind} #${effect.to} was answered twice`);
      if (effect.kind === "push") call.pushes.push(effect.value as never);
      else if (effect.kind === "fail") call.error = effect.error;
      else if (effect.kind === "end") {
        call.ended = true;
        call.error = effect.error;
      } else {
        call.reply = effect.value as never;
        call.replied = true;
      }
    }
    return turn.changes;
  }

  /** Lets time pass: the machine is woken at its own deadlines only. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (let next = this.core.nextDeadline(); next !== undefined && next <= until; ) {
      this.now = Math.max(this.now, next);
      this.begin("tick", {});
      next = this.core.nextDeadline();
    }
    this.now = until;
  }

  /** The process ends and another one reads what is on disk. */
  async restart(): Promise<void> {
    this.#calls.clear();
    const date = this.now + this.dateAheadMs;
    const options = { ...this.options, term: ++this.#term };
    this.core = new Core(options, await this.store.load(), date, this.now);
    this.turn([]);
  }

  register(name: string, spec: Partial<ApplicationSpec> = {}): void {
    const full: ApplicationSpec = {
      shim: "Host",
      command: "/bin/service",
      labels: [],
      arguments: [],
      environments: {},
      max_instances: 1_000_000,
      delay_release: 60,
      max_crashes: 5,
      max_lost_nodes: 10,
      ...spec,
    };
    this.ask("application.register", {
      name,
      manifest: spec,
      spec: full,
      origin: "api",
      author: "test",
    });
  }

  open(id: string, request: Partial<SessionRequest> = {}): void {
    this.ask("session.create", { id, request: requestOf(request), caller: internalCaller });
  }

  task(sessionId: string): TaskRecord {
    const reply = this.ask("task.create", { sessionId });
    if (!("task" in reply)) throw new Error("a new task is not terminal");
    return reply.task;
  }

  /** A node that registers and watches. */
  node(
    name: string,
    allocatable: Resources = { cpu: 4, memory: 8 * gib, gpu: 0 },
    executors: readonly string[] = [],
    { endsServices = true, state = "Idle", works = false, version = "" } = {},
  ): Call<"node.watch"> {
    const report = { name, capacity: allocatable, allocatable, arch: "x86_64", os: "linux" };
    const reported = executors.map((id) => ({ id, state, shim: "Host" as const }));
    // Whoever opens a work stream tells which start it is.
    const caller = works ? { instance: `${name}-1` } : {};
    const told = version === "" ? {} : { version };
    this.ask("node.register", {
      ...{ report, executors: reported, endsServices, works, caller },
      ...told,
    });
    return this.begin("node.watch", { report, caller });
  }

  beat(stream: Call<"node.watch">, name: string): void {
    this.ask("node.beat", { stream: stream.token, report: { name } });
  }

  /** Walks an executor that the machine created to a state, as its node would. */
  walk(id: string, to: "Idle" | "Bound"): void {
    this.ask("executor.register", { id, shim: "Host" });
    if (to === "Idle") return;
    this.begin("executor.bind", { id });
    this.ask("executor.bindCompleted", { id, outcome: { returnCode: 0 } });
  }

  executor(id: string): { readonly state: ExecutorState; readonly sessionId?: string } | undefined {
    return this.state.executors.find(id)?.record;
  }

  /** `id state session` of every executor, in the order of their creation. */
  get executors(): string[] {
    return [...this.state.executors.all()].map(
      ({ record }) => `${record.id} ${record.state} ${record.sessionId ?? "-"}`,
    );
  }

  #newCall(kind: CommandKind, input: unknown): Call<CommandKind> {
    const token = ++this.#token;
    const call: Call<CommandKind> = {
      token,
      command: { kind, input, token } as Command,
      reply: undefined,
      replied: false,
      error: undefined,
      pushes: [],
      ended: false,
    };
    this.#calls.set(token, call);
    return call;
  }
}

/** What a client asks for; application `app`, nothing else, unless said otherwise. */
export function requestOf(request: Partial<SessionRequest> = {}): SessionRequest {
  return { application: "app", minInstances: 0, priority: 0, ...request };
}
