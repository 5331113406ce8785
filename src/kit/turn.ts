/** Names one waiting call or stream of the shell; the deterministic machine knows callers by nothing else. */
export type Token = number;

declare const answer: unique symbol;
declare const message: unique symbol;

/** Names a waiting call that is answered with one `R`. A plain number at run time: the type alone says what may be sent. */
export type CallToken<R> = Token & { readonly [answer]: (value: R) => void };

/** Names a stream that is sent messages of `P`. */
export type StreamToken<P> = Token & { readonly [message]: (value: P) => void };

/**
 * What the shell does for the machine once the turn is durable:
 * reply and fail end a call, push sends on a stream, end closes it (with an error, if one is given).
 */
export type Effect<E extends Error> =
  | { readonly kind: "reply"; readonly to: Token; readonly value: unknown }
  | { readonly kind: "fail"; readonly to: Token; readonly error: E }
  | { readonly kind: "push"; readonly to: Token; readonly value: unknown }
  | { readonly kind: "end"; readonly to: Token; readonly error?: E };

/** Gathers what one turn of the machine wants: changes for the disk, and effects that leave after them, or before. */
export class Turn<C, E extends Error> {
  readonly changes: C[] = [];
  readonly effects: Effect<E>[] = [];
  /** What may leave before the changes are on disk, in its order. */
  readonly early: { readonly to: Token; readonly value: unknown }[] = [];
  /** Streams with ordered messages that do not leave early. */
  readonly waiting = new Set<Token>();
  /** Unix milliseconds at which the turn takes place: for what people read. */
  readonly now: number;
  /** The same moment on a clock that nobody sets, in milliseconds: for deadlines. */
  readonly steady: number;

  /** @param steady default: `now` is of a clock that nobody sets */
  constructor(now: number, steady = now) {
    this.now = now;
    this.steady = steady;
  }

  change(change: C): void {
    this.changes.push(change);
  }

  reply<R>(to: CallToken<R>, value: NoInfer<R>): void {
    this.effects.push({ kind: "reply", to, value });
  }

  fail(to: Token, error: E): void {
    this.effects.push({ kind: "fail", to, error });
  }

  push<P>(to: StreamToken<P>, value: NoInfer<P>): void {
    this.effects.push({ kind: "push", to, value });
  }

  /**
   * Sends one of those messages of a stream that keep their order.
   * @param early whether it may leave before the disk has the turn; it does unless one before it may not
   */
  pushOrdered<P>(to: StreamToken<P>, value: NoInfer<P>, early: boolean): void {
    if (early && !this.waiting.has(to)) {
      this.early.push({ to, value });
      return;
    }
    this.waiting.add(to);
    this.push(to, value);
  }

  end(to: Token, error?: E): void {
    this.effects.push(error === undefined ? { kind: "end", to } : { kind: "end", to, error });
  }
}
