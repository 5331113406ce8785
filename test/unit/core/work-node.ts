import type { NodeWork } from "../../../src/core/node-work.ts";
import type { WorkPush } from "../../../src/executors/node-book.ts";
import type { Token } from "../../../src/kit/turn.ts";
import { type Call, gib, type Machine } from "./machine.ts";

/** A node with its work stream, as the executor manager sees it. */
export class WorkNode {
  readonly #machine: Machine;
  readonly name: string;
  #stream: Call<"node.work">;
  readonly #warm: number;
  readonly #binds: boolean;
  #read = 0;

  /**
   * @param instance another one than has registered
   * @param warm how many services it keeps started for sessions to come
   * @param binds it takes new executors together with their sessions
   */
  constructor(machine: Machine, name: string, instance?: string, warm = 0, binds = false) {
    this.#machine = machine;
    this.name = name;
    this.#warm = warm;
    this.#binds = binds;
    this.#stream = this.#open(instance);
  }

  #open(instance = this.#machine.state.nodes.find(this.name)?.record.instance): Call<"node.work"> {
    const caller = instance === undefined ? {} : { instance };
    return this.#machine.begin("node.work", {
      name: this.name,
      caller,
      warm: this.#warm,
      binds: this.#binds,
    });
  }

  get error(): string | undefined {
    return this.#stream.error?.message;
  }

  get token(): Token {
    return this.#stream.token;
  }

  get ended(): boolean {
    return this.#stream.ended;
  }

  say(work: Partial<NodeWork>): void {
    const { token: stream, name } = this;
    const whole = { ready: [], completions: [], returns: [], awaits: [], ...work };
    this.#machine.ask("node.worked", { stream, name, work: whole });
  }

  ready(
    executorId: string,
    credit: number,
    held?: NonNullable<NodeWork["ready"][0]["held"]>,
  ): void {
    this.say({ ready: [{ executorId, credit, ...(held !== undefined && { held }) }] });
  }

  done(executorId: string, ...leases: string[]): void {
    const outcome = { returnCode: 0 };
    this.say({ completions: leases.map((lease) => ({ executorId, lease, outcome })) });
  }

  /** What came since the last look, each as `kind executor lease,lease`; assignments with their task. */
  heard(): string[] {
    const pushes = this.#stream.pushes.slice(this.#read);
    this.#read = this.#stream.pushes.length;
    return pushes.map(text);
  }

  reopen(): void {
    this.#machine.cancel(this.#stream);
    this.#stream = this.#open();
    this.#read = 0;
  }
}

function text(push: WorkPush): string {
  if (push.kind === "warm") {
    const told = push.applications.map(
      ({ application, count }) => `${count} ${application.name}@${application.revision}`,
    );
    return ["warm", ...told].join(" ");
  }
  if (push.kind === "bind") {
    const { executor, reply } = push;
    return `bind ${executor.id} ${reply.bound?.session.record.id ?? "nothing"}`;
  }
  const { kind, executorId } = push;
  if (push.kind === "leave") return `${kind} ${executorId}`;
  if (push.kind === "assignment") return `${executorId} gets ${push.task.id} as ${push.lease}`;
  return `${kind} ${executorId} ${push.leases.join()}`;
}

/** A session `s` with `tasks` Pending tasks, and `executors` Bound executors on node n1 that have said nothing yet. */
export function openSession(machine: Machine, tasks: number, executors = 1): WorkNode {
  machine.node("n1", { cpu: executors, memory: 8 * gib, gpu: 0 }, [], { works: true });
  machine.open("s", { minInstances: tasks < executors ? executors : 0 });
  for (let n = 0; n < tasks; n++) machine.task("s");
  for (let n = 1; n <= executors; n++) machine.walk(`e${n}`, "Bound");
  return new WorkNode(machine, "n1");
}

/** The states of a session's tasks on disk, a letter each, by id. */
export function statesOf(machine: Machine, sessionId = "s"): string {
  const tasks = machine.tables.tasks(sessionId, 0, 100);
  return tasks.map(({ state }) => state[0]).join("");
}

/** What an executor says that it holds: leases of tasks of session `s`. */
export function held(...leases: [lease: string, taskId: number][]) {
  return leases.map(([lease, taskId]) => ({ lease, sessionId: "s", taskId }));
}
