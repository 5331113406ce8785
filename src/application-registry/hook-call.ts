import { type Clock, systemClock } from "../kit/clock.ts";
import { type Logger, silentLogger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import { withinToldDeadline } from "../kit/told-deadline.ts";
import type { ManifestFault } from "../manifest/manifest-fault.ts";
import type { HookContext } from "./manifest-hooks.ts";

/** How long one hook may take for one manifest. */
export const HOOK_DEADLINE_MS = 5_000;
/** When the log says that a hook is waited for: a start or a call that hangs names what it hangs on. */
const HOOK_TOLD_AFTER_MS = 1_000;
/** How much of a plugin's own error text is told. */
const THROWN_CHARACTERS_MAX = 1_000;

export interface HookCallDeps {
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Milliseconds. Default {@link HOOK_DEADLINE_MS}. */
  readonly hookDeadlineMs?: number;
}

/** Which hook of which plugin is asked about which application. */
export interface HookCall {
  readonly plugin: string;
  readonly hook: "mutating" | "validating";
  readonly application: string;
}

/** A plugin failed, so the manifest is refused: nobody knows what the plugin would have said. */
export class HookFailure extends Error {
  readonly fault: ManifestFault;

  constructor({ plugin }: HookCall, got: string, expected: string) {
    const label = `plugin ${JSON.stringify(plugin)}`;
    super(`${label}: got ${got}, expected ${expected}`);
    const hint =
      "nothing is registered or changed while a plugin fails: mend it, or switch it off in cluster.plugins";
    const rule = "plugin-failed";
    this.fault = { rule, kind: "argument", path: "", label, got, expected, hint, plugin };
  }
}

/** Calls hooks of plugins: each within its time, and whatever goes wrong with one is logged and told by its name. */
export class HookCaller {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #deadlineMs: number;

  constructor(deps: HookCallDeps) {
    this.#clock = deps.clock ?? systemClock;
    this.#logger = deps.logger ?? silentLogger;
    this.#deadlineMs = deps.hookDeadlineMs ?? HOOK_DEADLINE_MS;
  }

  /**
   * Calls the hook and reads what it gives.
   * @throws HookFailure when either fails
   */
  async call<T>(
    call: HookCall,
    hook: (context: HookContext) => unknown,
    read: (returned: unknown) => T,
  ): Promise<T> {
    const context = new LazyContext();
    try {
      let returned: unknown;
      try {
        returned = hook(context);
        if (isThenable(returned)) returned = await this.#within(call, returned);
      } catch (thrown) {
        if (thrown instanceof HookFailure) throw thrown;
        const text = textOf(thrown).slice(0, THROWN_CHARACTERS_MAX);
        throw new HookFailure(call, `an error from its ${call.hook} hook (${text})`, "none");
      }
      return read(returned);
    } catch (failure) {
      context.abort();
      const { plugin, hook: kind, application } = call;
      this.#logger.error(
        { plugin, hook: kind, application, reason: textOf(failure) },
        `${textOf(failure)}; the manifest of ${application} is refused`,
      );
      throw failure;
    }
  }

  #within(call: HookCall, returned: PromiseLike<unknown>): Promise<unknown> {
    const { plugin, hook, application } = call;
    const deadlineMs = this.#deadlineMs;
    return withinToldDeadline(this.#clock, returned, {
      tellAfterMs: HOOK_TOLD_AFTER_MS,
      tell: () => {
        this.#logger.warn(
          { plugin, hook, application },
          `waiting for the ${hook} hook of plugin ${JSON.stringify(plugin)} about the application ${application}; it is given up after ${deadlineMs} ms`,
        );
      },
      deadlineMs,
      late: () =>
        new HookFailure(call, `no answer of its ${hook} hook within ${deadlineMs} ms`, "one"),
    });
  }
}

/** Most hooks never look at the signal: it is made when they do. */
class LazyContext implements HookContext {
  #controller: AbortController | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  abort(): void {
    this.#controller?.abort();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}
