import { FlameError } from "../model/errors.ts";

/** How a task ended. */
export type Outcome<Out> =
  | { readonly ok: true; readonly value: Out }
  | { readonly ok: false; readonly error: FlameError };

/** An input that was handed in, and what is known of its task. */
export class BegunTask<Out> {
  readonly index: number;
  /** Undefined: it is no task, or not yet. */
  taskId: string | undefined;
  /** Undefined: it has not ended. */
  outcome: Outcome<Out> | undefined;
  #onChange: () => void = () => undefined;

  /**
   * @param run gives the output, and tells the task's id before if it comes to know it
   * @param onEnd is called once, when there is an outcome
   */
  constructor(
    index: number,
    run: (onCreated: (taskId: string) => void) => Promise<Out>,
    onEnd: (task: BegunTask<Out>) => void,
  ) {
    this.index = index;
    const ended = (outcome: Outcome<Out>): void => {
      this.outcome = outcome;
      this.#onChange();
      onEnd(this);
    };
    const created = (taskId: string): void => {
      this.taskId = taskId;
      this.#onChange();
    };
    run(created).then(
      (value) => ended({ ok: true, value }),
      (thrown: unknown) => ended({ ok: false, error: FlameError.from(thrown) }),
    );
  }

  /** The id of its task when that has not ended; undefined when nothing is left to cancel. Resolves when one of both is known. */
  async openTaskId(): Promise<string | undefined> {
    while (this.taskId === undefined && this.outcome === undefined)
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
      });
    return this.outcome === undefined ? this.taskId : undefined;
  }
}
