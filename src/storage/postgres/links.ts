import { Backoff } from "../../kit/backoff.ts";
import { codeOf, textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import { Link, type LinkOptions } from "./link.ts";

const firstPauseMs = 50;
const pauseMsMax = 1_000;

export interface LinksOptions {
  /** What a connection is made with: asked for each, since a password may change. */
  readonly connection: () => LinkOptions;
  /** The database as it is told of, without a password. */
  readonly place: string;
  /** How long whoever needs a connection waits for one, in milliseconds. */
  readonly waitMs: number;
  /** Makes a new connection ours. @throws FlameError when there is no point in trying again */
  readonly settle: (link: Link) => Promise<void>;
  /** Told why the connection was lost; and, without a reason, that there is one again. */
  readonly onChange?: ((reason: string | undefined) => void) | undefined;
}

interface Waiter {
  readonly resolve: (link: Link) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** The one connection to the database, made anew whenever it is lost. */
export class Links {
  readonly #options: LinksOptions;
  readonly #backoff = new Backoff(firstPauseMs, pauseMsMax);
  readonly #waiters = new Set<Waiter>();
  #link: Link | undefined;
  #isConnecting = false;
  /** Why there is no connection. */
  #reason = "no connection was made yet";
  #end: FlameError | undefined;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  /**
   * The connection, when there is one.
   * @throws FlameError unavailable with the reason when there is none for so long; what ended it when there will be none
   */
  ready(waitMs = this.#options.waitMs): Promise<Link> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (this.#link?.isLost === false) return Promise.resolve(this.#link);
    void this.#connect();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(this.#unavailable());
      }, waitMs);
      const waiter = { resolve, reject, timer };
      this.#waiters.add(waiter);
    });
  }

  /** Whoever waits, and whoever asks later, is told that it was closed. */
  close(): void {
    this.#fail(new FlameError("unavailable", `the database ${this.#options.place} was closed`));
  }

  #unavailable(): FlameError {
    return new FlameError(
      "unavailable",
      `the database ${this.#options.place} does not answer: ${this.#reason}`,
    );
  }

  #refused(cause: unknown): FlameError {
    const text = `cannot open the database ${this.#options.place}: ${this.#reason}; check cluster.storage`;
    return new FlameError("invalid_config", text, { cause });
  }

  async #connect(): Promise<void> {
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    while (this.#end === undefined) {
      const link = await this.#tryOnce();
      if (link !== undefined) {
        this.#use(link);
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, this.#backoff.next()).unref());
    }
    this.#isConnecting = false;
  }

  async #tryOnce(): Promise<Link | undefined> {
    let link: Link | undefined;
    try {
      link = await Link.open(this.#options.connection());
      await this.#options.settle(link);
      return link;
    } catch (thrown) {
      link?.close();
      this.#reason = textOf(thrown);
      if (thrown instanceof FlameError && thrown.code !== "unavailable") this.#fail(thrown);
      else if (this.#link === undefined && isMisconfigured(thrown))
        this.#fail(this.#refused(thrown));
      return undefined;
    }
  }

  #use(link: Link): void {
    this.#link = link;
    this.#backoff.reset();
    this.#options.onChange?.(undefined);
    link.onLost((lost) => {
      if (this.#end !== undefined) return;
      this.#reason = lost.message;
      this.#options.onChange?.(lost.message);
      void this.#connect();
    });
    for (const { resolve, timer } of this.#waiters) {
      clearTimeout(timer);
      resolve(link);
    }
    this.#waiters.clear();
  }

  #fail(error: FlameError): void {
    this.#end ??= error;
    this.#link?.close();
    for (const { reject, timer } of this.#waiters) {
      clearTimeout(timer);
      reject(this.#end);
    }
    this.#waiters.clear();
  }
}

/** No such user, password, or database (SQLSTATE): while it worked before, somebody may be changing just that. */
function isMisconfigured(thrown: unknown): boolean {
  return /^(28...|3D...)$/.test(String(codeOf(thrown)));
}
