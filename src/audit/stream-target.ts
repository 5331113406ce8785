import { type CallTarget, namesMax, targetOf } from "./call-target.ts";
import { shortened } from "./short-texts.ts";

/** What the messages of a stream that lasts say of whom and what it is. */
interface Message {
  readonly hello?: { readonly node?: string };
  readonly heartbeat?: { readonly nodeName?: string };
  readonly node?: unknown;
  readonly lanes?: readonly { readonly sessionId?: string }[];
  readonly submits?: readonly { readonly inputs?: readonly unknown[] }[];
  readonly begin?: readonly string[];
}

/** What a stream has been about so far: no more than the sessions that it names first, and counts. */
export class StreamTarget {
  readonly #path: string;
  #first: CallTarget | undefined;
  readonly #sessions = new Set<string>();
  #more = 0;
  #tasks = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @param isFirst the first message names the node, or is the whole request */
  take(given: unknown, isFirst: boolean): void {
    const message = (given ?? {}) as Message;
    if (isFirst) {
      const node = message.hello?.node ?? message.heartbeat?.nodeName ?? message.node;
      this.#first =
        typeof node === "string" && node !== ""
          ? { node: shortened(node) }
          : targetOf(this.#path, given);
    }
    for (const { sessionId } of message.lanes ?? []) this.#session(sessionId);
    for (const session of message.begin ?? []) this.#session(session);
    for (const { inputs } of message.submits ?? []) this.#tasks += inputs?.length ?? 0;
  }

  get target(): CallTarget | undefined {
    const target = {
      ...this.#first,
      ...(this.#sessions.size > 0 && { sessions: [...this.#sessions] }),
      ...(this.#tasks > 0 && { tasks: this.#tasks }),
      ...(this.#more > 0 && { more: this.#more }),
    };
    return Object.keys(target).length === 0 ? undefined : target;
  }

  #session(id: string | undefined): void {
    if (id === undefined) return;
    const session = shortened(id);
    if (this.#sessions.has(session)) return;
    if (this.#sessions.size < namesMax) this.#sessions.add(session);
    else this.#more++;
  }
}
