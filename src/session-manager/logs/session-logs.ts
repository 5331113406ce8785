import { access } from "node:fs/promises";
import { join } from "node:path";
import { textOf } from "../../kit/thrown.ts";
import { nodeMarkFile } from "../../process/service-logs.ts";
import { type ServiceLines, SessionLogFiles } from "../../process/session-log-files.ts";
import type { ReadLogsResponse } from "../../protocol/generated/flame/admin/v1/admin.ts";
import { NodeLogFiles } from "./node-log-files.ts";
import type { NodeLogs } from "./node-logs.ts";

/** What is known of a node beside its stream of logs. */
export interface LogNode {
  /** Where it says that its logs lie. */
  readonly folder: string | undefined;
  /** It would send them, and is not there for now; false: its executor manager does not know how. */
  readonly away: boolean;
}

export interface SessionLogsOptions {
  readonly flameHome: string;
  readonly sessionId: string;
  /** Only what was written while this task ran. */
  readonly taskId: string | undefined;
  /** The nodes that serve or served the session. */
  readonly nodes: () => Promise<ReadonlyMap<string, LogNode>>;
  readonly logs: Pick<NodeLogs, "nodes" | "find">;
  /** Waits for more to come; false: there will be no more. Absent: what is there is read once. */
  readonly more?: () => Promise<boolean>;
}

type What = NonNullable<ReadLogsResponse["what"]>;

/**
 * What the services of a session wrote, node by node and executor by executor: from the files of nodes that share this
 * FLAME_HOME, and from the other nodes by their streams of logs (docs/protocol.md, "Prints").
 */
export async function* sessionLogs(options: SessionLogsOptions): AsyncGenerator<What, void, void> {
  const logs = new SessionLogs(options);
  try {
    let goesOn = true;
    while (goesOn) {
      goesOn = (await options.more?.()) ?? false;
      yield* logs.read(!goesOn);
    }
    if (!logs.found) yield notice(nothingText(options.sessionId));
  } finally {
    await logs.close();
  }
}

class SessionLogs {
  readonly #options: SessionLogsOptions;
  readonly #own: SessionLogFiles;
  /** By node; undefined: its files are read here, or it was told why they are not read. */
  readonly #others = new Map<string, NodeLogFiles | undefined>();
  #told = false;
  #begun = false;

  constructor(options: SessionLogsOptions) {
    const { flameHome, sessionId, taskId } = options;
    this.#options = options;
    this.#own = new SessionLogFiles(flameHome, sessionId, taskId);
  }

  /** Whether there are files, or something was told. */
  get found(): boolean {
    return this.#told || this.#own.found || [...this.#others.values()].some((one) => one?.found);
  }

  async *read(last: boolean): AsyncGenerator<What, void, void> {
    yield* pieces(this.#own.read(last));
    const served = await this.#options.nodes();
    // Who served it before this session manager started is not known: all that are there are asked once.
    const asked = this.#begun ? [] : this.#options.logs.nodes;
    this.#begun = true;
    for (const node of new Set([...served.keys(), ...asked])) {
      if (!this.#others.has(node) && !(await this.#shares(node)))
        yield* this.#open(node, served.get(node));
      yield* this.#readNode(node, last);
      if (this.#others.get(node)?.found === false && !served.has(node)) this.#close(node);
    }
  }

  async close(): Promise<void> {
    for (const node of [...this.#others.keys()]) this.#close(node);
    await this.#own.close();
  }

  /** What it has lies in files of this FLAME_HOME. */
  async #shares(node: string): Promise<boolean> {
    try {
      await access(nodeMarkFile(this.#options.flameHome, node));
      this.#others.set(node, undefined);
      return true;
    } catch {
      return false;
    }
  }

  *#open(node: string, served: LogNode | undefined): Generator<What, void, void> {
    const { logs, sessionId, taskId } = this.#options;
    const stream = logs.find(node);
    this.#others.set(node, stream && new NodeLogFiles(stream, sessionId, taskId));
    if (stream !== undefined || served === undefined) return;
    const place = join(served.folder ?? "FLAME_HOME/logs/executors", sessionId);
    yield this.#notice(
      served.away
        ? `node ${node} is away, and what its services wrote with it: it lies on that node, in ${place}`
        : `node ${node} does not send what its services write, its executor manager is older or of another make: look on that node, in ${place}`,
    );
  }

  async *#readNode(node: string, last: boolean): AsyncGenerator<What, void, void> {
    const files = this.#others.get(node);
    if (files === undefined) return;
    try {
      yield* pieces(files.read(last));
    } catch (thrown) {
      this.#close(node);
      this.#others.set(node, undefined);
      yield this.#notice(
        `node ${node}: ${textOf(thrown)}; what its services wrote is not shown from here on`,
      );
    }
  }

  #close(node: string): void {
    this.#others.get(node)?.close();
    this.#others.delete(node);
  }

  #notice(text: string): What {
    this.#told = true;
    return notice(text);
  }
}

async function* pieces(lines: AsyncIterable<ServiceLines>): AsyncGenerator<What, void, void> {
  for await (const value of lines) yield { $case: "piece", value };
}

function nothingText(sessionId: string): string {
  return `nothing that the services of session ${sessionId} wrote is kept: none has started yet, or its files were among the oldest and are gone`;
}

const notice = (text: string): What => ({ $case: "notice", value: text });
