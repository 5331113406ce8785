import type { LocalQueue } from "../../../src/executor-manager/work/local-queue.ts";
import type { WorkLoad } from "../../../src/executor-manager/work/work-load.ts";
import type { LaunchedTask } from "../../../src/executor-manager/work/work-source.ts";
import { WorkStream } from "../../../src/executor-manager/work/work-stream.ts";
import type { Logger } from "../../../src/kit/logger.ts";
import type { Warm } from "../../../src/protocol/generated/flame/stream/v1/nodes.ts";
import { TestClock } from "../../support/test-clock.ts";
import { ScriptedCall, turns } from "./scripted-call.ts";

/** A stream of work with a clock and a session manager that are the test's. */
export class WorkUnderTest {
  readonly clock = new TestClock();
  readonly calls: ScriptedCall[] = [];
  readonly lines: string[] = [];
  /** Why streams ended. */
  readonly lost: string[] = [];
  readonly stream: WorkStream;

  readonly #logger: Logger = {
    debug: (fields, text) => void this.lines.push(`debug ${text} ${JSON.stringify(fields)}`),
    info: (_fields, text) => void this.lines.push(`info ${text}`),
    warn: (fields, text) => void this.lines.push(`warn ${text} ${JSON.stringify(fields)}`),
    error: (_fields, text) => void this.lines.push(`error ${text}`),
    child: () => this.#logger,
  };

  /** What was to be kept started, each time that it was said: `2 NAME`. */
  readonly wanted: string[] = [];

  constructor(load?: WorkLoad, servicesMax = 0) {
    const begin = () => {
      const call = new ScriptedCall();
      this.calls.push(call);
      return call.call;
    };
    const want = ({ applications }: Warm) =>
      void this.wanted.push(applications.map(({ name, count }) => `${count} ${name}`).join());
    const warm = { servicesMax, want };
    const about = { nodeName: "n1", instance: "i1", warm, ...(load && { load }) };
    this.stream = new WorkStream({ clock: this.clock, logger: this.#logger, begin, ...about });
  }

  /** Asks for a stream, as the node does on each new connection. */
  ask(): void {
    this.stream.open((why) => this.lost.push(why));
  }

  /** Asks for a stream, which the session manager has. */
  async open(): Promise<ScriptedCall> {
    this.ask();
    await turns();
    const call = this.calls.at(-1) as ScriptedCall;
    call.accept();
    await turns();
    return call;
  }

  /** The executor e1 enters session s1. */
  attach(): LocalQueue {
    const queue = this.stream.attach("e1", "s1", this.#logger);
    queue.enter();
    return queue;
  }
}

/** Runs the next task of a queue to its end. */
export async function run(queue: LocalQueue, output?: Buffer): Promise<LaunchedTask> {
  const launched = (await queue.next()) as LaunchedTask;
  queue.finish(launched, { returnCode: 0, output });
  return launched;
}

/** What comes of a promise in these turns. */
export async function soon<T>(next: Promise<T>): Promise<T | "waits"> {
  return Promise.race([next, turns().then(() => "waits" as const)]);
}
