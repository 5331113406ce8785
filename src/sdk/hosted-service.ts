import { FlameError } from "../model/errors.ts";
import type { SessionContext, TaskContext } from "../protocol/generated/flame/v1/shim.ts";
import type { FlameService } from "../services/serve-instance.ts";
import { type AllCodecs, allCodecs, decodeWith, encodeWith } from "./codec.ts";
import type { Service, ServiceSession, ServiceTask } from "./service-types.ts";
import { toldFailure } from "./told-failure.ts";

/** The session that was entered. */
interface Entered<Common, State> {
  readonly session: ServiceSession<Common>;
  readonly state: State;
}

/** A typed service as the service SDK asks it, which can be told to stop. */
export class HostedService<In, Out, Common, State> implements FlameService {
  readonly tasksAhead: number;
  readonly #service: Service<In, Out, Common, State>;
  readonly #codecs: AllCodecs<In, Out, Common>;
  readonly #stopped = new AbortController();
  #entered: Entered<Common, State> | undefined;
  /** The task that runs, when it takes its time. */
  #running: Promise<unknown> = Promise.resolve();

  constructor(service: Service<In, Out, Common, State>) {
    this.#service = service;
    this.#codecs = allCodecs(service.codecs);
    this.tasksAhead = checkedAhead(service.tasksAhead ?? 0);
  }

  /** Begins no further task, waits for the one that runs, and leaves the session. What that throws is thrown. */
  async stop(): Promise<void> {
    this.#stopped.abort(new FlameError("aborted", "the service was told to end"));
    await this.#running;
    await this.#leave();
  }

  readonly onSessionEnter = (context: SessionContext): Promise<void> =>
    telling(async () => {
      const session = this.#sessionOf(context);
      // Without the method the state is undefined, which is its type then.
      const state = (await this.#service.onSessionEnter?.(session)) as State;
      this.#entered = { session, state };
    });

  readonly onTaskInvoke = (
    context: TaskContext,
  ): Promise<Buffer | undefined> | Buffer | undefined => {
    // It stays without an answer: the executor manager sees this process end, and gives the task to another one.
    if (this.#stopped.signal.aborted) return new Promise<never>(() => undefined);
    try {
      const output = this.#invoke(context);
      if (!(output instanceof Promise)) return this.#encoded(output);
      const answer = output.then((value) => this.#encoded(value)).catch(rethrow);
      this.#running = answer.catch(() => undefined);
      return answer;
    } catch (thrown) {
      return rethrow(thrown);
    }
  };

  readonly onSessionLeave = (): Promise<void> => telling(() => this.#leave());

  #invoke({ taskId, input }: TaskContext): Out | Promise<Out> {
    const entered = this.#entered;
    if (entered === undefined)
      throw new FlameError("invalid_state", `task ${taskId} came before its session was entered`);
    const value = decodeWith(this.#codecs.input, input, `the input of task ${taskId}`);
    const task: ServiceTask<Common, State> = {
      id: taskId,
      ...entered,
      signal: this.#stopped.signal,
    };
    return this.#service.onTaskInvoke(value, task);
  }

  #encoded(output: Out): Buffer | undefined {
    const encoded = encodeWith(this.#codecs.output, output, "the output");
    return encoded && Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  }

  #sessionOf({ sessionId, application, commonData }: SessionContext): ServiceSession<Common> {
    const { name = "", url, workingDirectory } = application ?? {};
    return {
      id: sessionId,
      application: {
        name,
        ...(url !== undefined && { url }),
        ...(workingDirectory !== undefined && { workingDirectory }),
      },
      commonData: decodeWith(
        this.#codecs.commonData,
        commonData,
        `the common data of session ${sessionId}`,
      ),
    };
  }

  async #leave(): Promise<void> {
    const entered = this.#entered;
    if (entered === undefined) return;
    this.#entered = undefined;
    await this.#service.onSessionLeave?.(entered.state);
  }
}

async function telling(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    rethrow(thrown);
  }
}

/** With the text that a client is to read. */
function rethrow(thrown: unknown): never {
  throw new FlameError("internal", toldFailure(thrown), { cause: thrown });
}

function checkedAhead(given: number): number {
  if (Number.isInteger(given) && given >= 0 && given <= 256) return given;
  throw new FlameError(
    "invalid_argument",
    `tasksAhead: got ${given}, expected a whole number from 0 to 256`,
  );
}
