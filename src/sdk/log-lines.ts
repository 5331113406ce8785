import { Console } from "node:console";
import type { LogSink, LogWish, PrintedLines } from "../client/log-stream.ts";
import { type Env, envValue } from "../config/env.ts";
import { FlameError } from "../model/errors.ts";
import { toldFailure } from "./told-failure.ts";

/** Characters of an executor's id that mark its lines, as in `flmctl logs`. */
const markLength = 8;

/** A line that a task printed. As text, by `String(line)`, it is as it is printed: `(6f0c1a52 task 3) three`. */
export interface LogLine {
  /** Without its end; what is no UTF-8 in it is replaced. */
  readonly text: string;
  readonly stream: "out" | "err";
  readonly executorId: string;
  /** Absent when none ran, such as while the session was entered. */
  readonly taskId?: string;
  /** Name of the node. */
  readonly node: string;
  readonly sessionId: string;
  /** So many lines are missing here, since more was printed than travels; the text says so. 0 for a line. */
  readonly leftOut: number;
  toString(): string;
}

/** Where goes what tasks print: true prints it, false has nobody asked for it, a function is called with each line. */
export type Logs = boolean | ((line: LogLine) => unknown);

type Out = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** What stands around the program. */
export interface LogPlaces {
  readonly out: Out;
  readonly err: Out;
  readonly env: Env;
  /** Told what nobody else is told. */
  readonly warn: (text: string) => void;
}

/** The process's own. */
export const processPlaces = (env: Env): LogPlaces => ({
  out: process.stdout,
  err: process.stderr,
  env,
  warn: (text) => process.emitWarning(text, "FlameWarning"),
});

/** The wishes of one client. */
export class LogWishes {
  readonly #places: LogPlaces;
  /** One for all sessions, so that two handles of one session print it once. */
  readonly #print: LogSink;

  constructor(places: LogPlaces) {
    this.#places = places;
    this.#print = printer(places);
  }

  /** @throws FlameError invalid_argument when it is none of what it may be */
  of(logs: Logs | undefined): LogWish | undefined {
    const { warn } = this.#places;
    switch (typeof logs) {
      case "undefined":
        return this.#somebodyLooks() ? { sink: this.#print } : undefined;
      case "boolean":
        return logs ? { sink: this.#print, warn } : undefined;
      case "function":
        return { sink: caller(logs, warn), warn };
      default:
        throw new FlameError(
          "invalid_argument",
          `logs: got ${typeof logs}, expected true, false or a function of a LogLine`,
        );
    }
  }

  #somebodyLooks(): boolean {
    const { out, err, env } = this.#places;
    // What a task prints goes to its own client: it would be told twice.
    if (envValue(env, "FLAME_INSTANCE_ENDPOINT") !== undefined) return false;
    return out.isTTY === true || err.isTTY === true;
  }
}

/** Prints lines to the stream of the same name, each with the mark of its task. */
function printer({ out, err }: LogPlaces): LogSink {
  // It takes no notice of a stream that is closed, as what is printed with console.log.
  const console = new Console({ stdout: out, stderr: err });
  return (lines) => {
    const mark = markOf(lines);
    const text = textsOf(lines)
      // Of what overwrites itself, such as bars, the last state is shown.
      .map(([line]) => mark + line.slice(line.lastIndexOf("\r") + 1))
      .join("\n");
    if (lines.stream === "err") console.error("%s", text);
    else console.log("%s", text);
  };
}

/** Calls a function of the user's with each line. */
function caller(take: Exclude<Logs, boolean>, warn: (text: string) => void): LogSink {
  let hasFailed = false;
  const failed = (thrown: unknown): void => {
    if (!hasFailed)
      warn(`the function of logs failed; it goes on being called: ${toldFailure(thrown)}`);
    hasFailed = true;
  };
  return (lines) => {
    for (const [text, leftOut] of textsOf(lines)) {
      try {
        const given = take(new TakenLine(lines, text, leftOut));
        if (given instanceof Promise) given.catch(failed);
      } catch (thrown) {
        failed(thrown);
      }
    }
  };
}

class TakenLine implements LogLine {
  readonly text: string;
  readonly stream: "out" | "err";
  readonly executorId: string;
  declare readonly taskId?: string;
  readonly node: string;
  readonly sessionId: string;
  readonly leftOut: number;

  constructor(lines: PrintedLines, text: string, leftOut: number) {
    this.text = text;
    this.stream = lines.stream === "err" ? "err" : "out";
    this.executorId = lines.executorId;
    if (lines.taskId !== undefined) this.taskId = lines.taskId;
    this.node = lines.node;
    this.sessionId = lines.sessionId;
    this.leftOut = leftOut;
  }

  toString(): string {
    return markOf(this) + this.text;
  }
}

/** Each line with how many are left out there, which is a line of its own. */
function textsOf({ data, leftOut }: PrintedLines): (readonly [text: string, leftOut: number])[] {
  const texts: (readonly [string, number])[] = [];
  if (leftOut > 0)
    texts.push([
      `... ${leftOut.toLocaleString("en-US")} ${leftOut === 1 ? "line" : "lines"} left out`,
      leftOut,
    ]);
  if (data.length === 0) return texts;
  for (const line of data.toString("utf8").replace(/\n$/, "").split("\n"))
    texts.push([line.replace(/\r$/, ""), 0]);
  return texts;
}

function markOf({ executorId, taskId }: Pick<PrintedLines, "executorId" | "taskId">): string {
  const label = executorId.slice(0, markLength);
  return taskId === undefined ? `(${label}) ` : `(${label} task ${taskId}) `;
}
