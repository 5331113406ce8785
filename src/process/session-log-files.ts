import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type LogLines, LogTail } from "./log-tail.ts";
import { sessionLogFolder } from "./service-logs.ts";

/** Lines that one service wrote while one task ran, or none. */
export interface ServiceLines extends LogLines {
  readonly executorId: string;
  /** "out" or "err". */
  readonly stream: string;
}

const logName = /^(?<executorId>.+)\.(?<stream>out|err)$/;

/** What the services of one session wrote into files of this FLAME_HOME; each further read tells what was added. */
export class SessionLogFiles {
  readonly #folder: string;
  readonly #taskId: string | undefined;
  readonly #tails = new Map<string, LogTail>();

  /** @param taskId only what was written while this task ran */
  constructor(flameHome: string, sessionId: string, taskId: string | undefined) {
    this.#folder = sessionLogFolder(flameHome, sessionId);
    this.#taskId = taskId;
  }

  /** Whether a read has found any. */
  get found(): boolean {
    return this.#tails.size > 0;
  }

  /** Executor by executor. @param last an unfinished line is told as well */
  async *read(last: boolean): AsyncGenerator<ServiceLines, void, void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names.sort()) {
      const { executorId = "", stream = "" } = logName.exec(name)?.groups ?? {};
      if (executorId === "") continue;
      const tail = this.#tails.get(name) ?? new LogTail(join(this.#folder, name));
      this.#tails.set(name, tail);
      for await (const { taskId, data } of tail.read(last)) {
        if (this.#taskId !== undefined && this.#taskId !== taskId) continue;
        yield { executorId, stream, taskId, data };
      }
    }
  }

  async close(): Promise<void> {
    for (const tail of this.#tails.values()) await tail.close();
  }
}
