import { type ChildProcess, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { encodeWork } from "../../../src/cli/flmping/payloads.ts";
import { FlameClient, type Session } from "../../../src/client/index.ts";
import { FlameError } from "../../../src/model/errors.ts";
import type { TestCluster } from "../../support/cluster.ts";
import { pythons } from "../../support/python.ts";
import { waitFor } from "../../support/wait-for.ts";
import type { Workload } from "./plan.ts";

const flmrunProgram = resolve(import.meta.dirname, "../../fixtures/python/flmrun_client.py");
/** Long beyond any outage of a round, so that only a hang lasts so long. */
const patienceMs = 120_000;

/** Tasks that a client was told of: session -> task -> the final state it saw, or undefined. */
export type Told = Map<string, Map<string, string | undefined>>;

/** A client program of a round: a real process that may be killed or stopped. */
export class ClientProgram {
  readonly name: "flmping" | "flmrun";
  readonly #child: ChildProcess;
  readonly #read: (stdout: string) => Told;
  #stdout = "";
  #stderr = "";
  /** It was killed by the round, so its exit says nothing. */
  killed = false;

  constructor(name: "flmping" | "flmrun", child: ChildProcess, read: (stdout: string) => Told) {
    this.name = name;
    this.#child = child;
    this.#read = read;
    child.stdout?.on("data", (piece: Buffer) => {
      this.#stdout += piece.toString();
    });
    child.stderr?.on("data", (piece: Buffer) => {
      this.#stderr += piece.toString();
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.running) return;
    if (signal === "SIGKILL") this.killed = true;
    this.#child.kill(signal);
  }

  /** Waits for its end. @throws Error when it neither ends nor was killed. */
  async ended(): Promise<void> {
    await waitFor(`the end of ${this.name}`, () => !this.running, { deadlineMs: patienceMs });
  }

  get told(): Told {
    return this.#read(this.#stdout);
  }

  /** What is wrong with how it ended; undefined when nothing is. `managerDied` excuses a session that was not created. */
  complaint(managerDied: boolean): string | undefined {
    if (this.killed || this.#child.exitCode === 0) return undefined;
    const uncertain = /unavailable|failed to connect|connection|not acknowledged/i.test(
      this.#stderr,
    );
    if (managerDied && uncertain && this.told.size === 0) return undefined;
    return `${this.name} ended with ${this.#child.exitCode ?? this.#child.signalCode ?? "?"}: ${this.#stderr}\n${this.#stdout.slice(-2_000)}`;
  }
}

export function startFlmping(cluster: TestCluster, { ping }: Workload): ClientProgram {
  const args = ["-t", String(ping.tasks), "-d", String(ping.taskMs)];
  return new ClientProgram("flmping", launch(cluster, "bin/flmping", args), readRows);
}

export function startFlmrun(
  cluster: TestCluster,
  sessionId: string,
  { run }: Workload,
): ClientProgram {
  const args = [sessionId, run.tasks, run.taskMs / 1000, run.bytes].map(String);
  const child = launch(cluster, pythons.ours, [flmrunProgram, ...args]);
  return new ClientProgram("flmrun", child, (stdout) => readLines(sessionId, stdout));
}

function launch(cluster: TestCluster, program: string, args: readonly string[]): ChildProcess {
  const path = program.startsWith("/") ? program : join(cluster.home, program);
  return spawn(path, args, { env: cluster.env, stdio: ["ignore", "pipe", "pipe"] });
}

/** The table that flmping prints once everything has ended. */
function readRows(stdout: string): Told {
  const told: Told = new Map();
  for (const [, session = "", task = "", state = ""] of stdout.matchAll(
    /^ (flmping-\w+) +(\d+) +(\w+) /gm,
  ))
    tell(told, session, task, state === "Unknown" ? undefined : state);
  return told;
}

/** What flmrun_client.py prints as it happens; the last line may be cut short by a kill. */
function readLines(sessionId: string, stdout: string): Told {
  const told: Told = new Map();
  for (const line of stdout.split("\n").slice(0, -1)) {
    const said = JSON.parse(line) as { acknowledged?: string; ended?: string; state?: string };
    if (said.acknowledged !== undefined) tell(told, sessionId, said.acknowledged, undefined);
    if (said.ended !== undefined) tell(told, sessionId, said.ended, capitalised(said.state ?? ""));
  }
  return told;
}

const capitalised = (text: string): string => `${text.slice(0, 1)}${text.slice(1).toLowerCase()}`;

function tell(told: Told, session: string, task: string, state: string | undefined): void {
  const tasks = told.get(session) ?? new Map<string, string | undefined>();
  tasks.set(task, state);
  told.set(session, tasks);
}

/** A client in this process, that nothing hits: it knows exactly what it was told. */
export async function runOwnClient(
  cluster: TestCluster,
  sessionId: string,
  { own }: Workload,
): Promise<Told> {
  const client = new FlameClient({ endpoint: cluster.endpoint, reconnectTimeoutMs: patienceMs });
  const told: Told = new Map([[sessionId, new Map<string, string | undefined>()]]);
  try {
    const session = await openSession(client, sessionId);
    const input = encodeWork({ duration: own.taskMs, memory: null });
    await Promise.all(Array.from({ length: own.tasks }, () => runOne(session, input, told)));
    return told;
  } finally {
    client.close();
  }
}

async function runOne(session: Session, input: Buffer, told: Told): Promise<void> {
  let id: string;
  try {
    id = (await session.createTask(input)).id;
  } catch (thrown) {
    // The task may exist or not; whether it does is the audit's to see.
    if (isPassing(thrown)) return;
    throw thrown;
  }
  tell(told, session.id, id, undefined);
  tell(told, session.id, id, (await session.finished(id)).state);
}

function openSession(client: FlameClient, id: string): Promise<Session> {
  return waitFor(
    `session ${id}`,
    () => client.openSession(id, { application: "flmping" }).catch(ignorePassing),
    { deadlineMs: patienceMs, intervalMs: 100 },
  );
}

function ignorePassing(thrown: unknown): undefined {
  if (!isPassing(thrown)) throw thrown;
}

/** The session manager is away, or was before it was ever reached. */
function isPassing(thrown: unknown): boolean {
  const { code } = FlameError.from(thrown);
  return code === "unavailable" || code === "deadline_exceeded" || code === "invalid_config";
}
