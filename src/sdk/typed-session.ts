import type { CancelOptions, CancelResult } from "../client/cancel.ts";
import type { Session as RawSession } from "../client/session.ts";
import type { SubmitOptions } from "../client/submit-options.ts";
import { taskOutput } from "../client/task-output.ts";
import type { SessionInfo, Task } from "../client/types.ts";
import { FlameError } from "../model/errors.ts";
import { beginNestedWait } from "../services/nested-waits.ts";
import { BegunTask } from "./begun-task.ts";
import type {
  CloseOptions,
  InvokeOptions,
  MapOptions,
  Session,
  TaskHandle,
  TaskResult,
  WaitOptions,
} from "./client-types.ts";
import { type AllCodecs, decodeWith, encodeWith } from "./codec.ts";
import { checkClose, checkTasks, checkWait } from "./given.ts";
import { naming } from "./naming.ts";
import { TaskFlow } from "./task-flow.ts";
import { cancelLeft, leave, untilAborted } from "./wait.ts";

const CONCURRENCY_DEFAULT = 1_000;
const CONCURRENCY_MAX = 1_000_000;

/** What a session handle is made of. */
export interface SessionParts<In, Out> {
  readonly raw: RawSession;
  readonly codecs: Pick<AllCodecs<In, Out, unknown>, "input" | "output">;
  readonly cancelTasks: (taskIds: readonly string[]) => Promise<CancelResult>;
}

/** A session whose inputs and outputs go through codecs, and whose errors name its application. */
export class TypedSession<In, Out> implements Session<In, Out> {
  readonly id: string;
  readonly application: string;
  readonly #raw: RawSession;
  readonly #codecs: SessionParts<In, Out>["codecs"];
  readonly #cancelTasks: SessionParts<In, Out>["cancelTasks"];

  constructor({ raw, codecs, cancelTasks }: SessionParts<In, Out>) {
    this.#raw = raw;
    this.#codecs = codecs;
    this.#cancelTasks = cancelTasks;
    this.id = raw.id;
    this.application = raw.info.application;
  }

  async invoke(input: In, options: InvokeOptions = {}): Promise<Out> {
    checkWait("invoke", options);
    for await (const output of this.map([input], { ...options, concurrency: 1 })) return output;
    throw new FlameError("internal", "a task ended without an end: this is a fault of the SDK");
  }

  async *map(
    inputs: Iterable<In> | AsyncIterable<In>,
    options: MapOptions = {},
  ): AsyncGenerator<Out, void, void> {
    checkTasks("map", inputs, options);
    for await (const { outcome } of this.#tasks(inputs, options, true)) {
      if (outcome?.ok === false) throw outcome.error;
      if (outcome !== undefined) yield outcome.value;
    }
  }

  async *results(
    inputs: Iterable<In> | AsyncIterable<In>,
    options: MapOptions = {},
  ): AsyncGenerator<TaskResult<Out>, void, void> {
    checkTasks("results", inputs, options);
    for await (const task of this.#tasks(inputs, options, false)) {
      const { index, taskId, outcome } = task;
      const place = { index, ...(taskId !== undefined && { taskId }) };
      if (outcome?.ok === false) yield { ...place, status: "rejected", reason: outcome.error };
      else if (outcome !== undefined) yield { ...place, status: "fulfilled", value: outcome.value };
    }
  }

  async *#tasks(
    inputs: Iterable<In> | AsyncIterable<In>,
    options: MapOptions,
    ordered: boolean,
  ): AsyncGenerator<BegunTask<Out>, void, void> {
    const { signal } = options;
    const concurrency = checkedConcurrency(options.concurrency ?? CONCURRENCY_DEFAULT);
    signal?.throwIfAborted();
    const flow = new TaskFlow<In, Out>(
      inputs,
      (input, index, onEnd) =>
        new BegunTask(index, (onCreated) => this.#run(input, options, onCreated), onEnd),
      { concurrency, ordered, signal, beginWait: () => beginNestedWait(this.id) },
    );
    try {
      for (;;) {
        const task = await flow.next();
        if (task === undefined) return;
        yield task;
      }
    } finally {
      flow.stop();
      await this.#naming(() => leave(flow.open, options, this.#cancelTasks));
    }
  }

  #run(input: In, options: SubmitOptions, onCreated: (taskId: string) => void): Promise<Out> {
    return this.#naming(async () => {
      const encoded = encodeWith(this.#codecs.input, input, "the input");
      return this.#outputOf(await this.#raw.run(encoded, { ...options, onCreated }));
    });
  }

  #outputOf(task: Task): Out {
    const what = `the output of task ${task.id} of session ${this.id}`;
    return decodeWith(this.#codecs.output, taskOutput(task), what);
  }

  submit(input: In, options: SubmitOptions = {}): Promise<TaskHandle<Out>> {
    return this.#naming(async () => {
      checkWait("submit", options);
      const encoded = encodeWith(this.#codecs.input, input, "the input");
      const { id } = await this.#raw.createTask(encoded, options);
      return this.task(id);
    });
  }

  task(id: string): TaskHandle<Out> {
    return {
      id,
      sessionId: this.id,
      result: (options = {}) => this.#naming(() => this.#result(id, options)),
      cancel: () => this.#naming(() => this.#cancelTasks([id])),
      get: () => this.#naming(() => this.#raw.getTask(id)),
    };
  }

  async #result(id: string, options: WaitOptions): Promise<Out> {
    checkWait("result", options);
    const { signal, cancelTasks = false } = options;
    const endWait = beginNestedWait(this.id);
    try {
      return this.#outputOf(await untilAborted(this.#raw.finished(id, signal), signal));
    } catch (thrown) {
      if (signal?.aborted === true && cancelTasks)
        await cancelLeft([id], signal, this.#cancelTasks);
      throw thrown;
    } finally {
      endWait();
    }
  }

  listTasks(): AsyncIterable<Task> {
    return this.#raw.listTasks();
  }

  cancel(options?: CancelOptions): Promise<CancelResult> {
    return this.#naming(() => this.#raw.cancel(undefined, options));
  }

  get(): Promise<SessionInfo> {
    return this.#naming(() => this.#raw.get());
  }

  close(options: CloseOptions = {}): Promise<SessionInfo> {
    return this.#naming(async () => {
      checkClose(options);
      return this.#raw.close(options);
    });
  }

  #naming<T>(work: () => Promise<T>): Promise<T> {
    return naming(this.application, work);
  }
}

function checkedConcurrency(given: number): number {
  if (Number.isInteger(given) && given >= 1 && given <= CONCURRENCY_MAX) return given;
  throw new FlameError(
    "invalid_argument",
    `concurrency: got ${given}, expected a whole number from 1 to ${CONCURRENCY_MAX}`,
  );
}
