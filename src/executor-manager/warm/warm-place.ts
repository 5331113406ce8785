import { Backoff } from "../../kit/backoff.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import { describeExit } from "../../process/exit-facts.ts";
import type { WarmOrder } from "../executor-messages.ts";
import { pause } from "../pause.ts";
import type { PackageVariables } from "../service-environment.ts";
import type { StartedService } from "../service-host.ts";
import { lastWords } from "../service-process.ts";

/** Between the taking of a service and the start of the next one: the session that took it begins meanwhile. */
const SETTLE_MS = 500;
/** After a service that did not start, or ended by itself: the first pause, and the longest. */
const FAILED_FIRST_MS = 1_000;
const FAILED_MAX_MS = 60_000;

/** A service that no session has yet. */
export interface WarmService extends StartedService {
  /** What of its package it was started with. */
  readonly packageVariables: PackageVariables;
}

/** What the places of a node share. */
export interface WarmPlaceDeps {
  readonly start: (order: WarmOrder, signal: AbortSignal) => Promise<WarmService>;
  /** Runs what it is given one after the other: a start takes all that a processor has. */
  readonly inTurn: (start: () => Promise<WarmService>) => Promise<WarmService>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps one service started: when it is taken or ends, another one takes its place. */
export class WarmPlace {
  readonly #deps: WarmPlaceDeps;
  readonly #order: WarmOrder;
  readonly #backoff = new Backoff(FAILED_FIRST_MS, FAILED_MAX_MS);
  readonly #closing = new AbortController();
  #starting = false;
  /** Who waits for the service that is being started. */
  #claim: ((service: WarmService | undefined) => void) | undefined;
  #waiting: WarmService | undefined;
  /** Ends the wait of the service. */
  #leave: (why: "taken" | "unwanted") => void = () => undefined;
  /** Resolves when the place is closed and nothing runs in it. Never rejects. */
  readonly ended: Promise<void>;

  constructor(deps: WarmPlaceDeps, order: WarmOrder) {
    this.#deps = deps;
    this.#order = order;
    this.#closing.signal.addEventListener("abort", () => this.#leave("unwanted"));
    this.ended = this.#run();
  }

  /** The service that waits here for a session. */
  get ready(): WarmService | undefined {
    return this.#waiting?.process.group.exitFacts === undefined ? this.#waiting : undefined;
  }

  /** One is being started, and nobody waits for it. */
  get isComing(): boolean {
    return this.#starting && this.#claim === undefined && !this.#closing.signal.aborted;
  }

  /** Takes the service that is {@link ready}: whoever takes it ends it. */
  take(): WarmService | undefined {
    const { ready } = this;
    if (ready !== undefined) this.#leave("taken");
    return ready;
  }

  /** Takes the service that {@link isComing}; undefined: it did not start, or `signal` aborted before. */
  takeComing(signal: AbortSignal): Promise<WarmService | undefined> {
    return new Promise((resolve) => {
      const giveUp = (): void => claim(undefined);
      const claim = (service: WarmService | undefined): void => {
        if (this.#claim === claim) this.#claim = undefined;
        signal.removeEventListener("abort", giveUp);
        resolve(service);
      };
      this.#claim = claim;
      if (signal.aborted) giveUp();
      else signal.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** What waits here is no longer what would be started: it is ended, and a new one started. */
  renew(): void {
    this.#leave("unwanted");
  }

  /** Ends what is here. */
  close(): Promise<void> {
    this.#closing.abort();
    return this.ended;
  }

  async #run(): Promise<void> {
    const { clock } = this.#deps;
    while (!this.#closing.signal.aborted) {
      const pauseMs = await this.#keepOne().catch((thrown: unknown) =>
        this.#failed(textOf(thrown)),
      );
      await pause(clock, pauseMs, this.#closing.signal).catch(() => undefined);
    }
  }

  /** One service, from its start until it has left. @returns how long until the next one is started, in milliseconds */
  async #keepOne(): Promise<number> {
    const service = await this.#startInTurn();
    if (this.#claim !== undefined) {
      this.#claim(service);
      this.#backoff.reset();
      return SETTLE_MS;
    }
    const why = await this.#wait(service);
    if (why === "taken") {
      this.#backoff.reset();
      return SETTLE_MS;
    }
    const { exitFacts } = service.process.group;
    const words = exitFacts === undefined ? "" : await lastWords(service.process.group);
    await endService(service);
    return exitFacts === undefined
      ? 0
      : this.#failed(`ended with ${describeExit(exitFacts)}${words}`);
  }

  async #startInTurn(): Promise<WarmService> {
    const { start, inTurn } = this.#deps;
    const { signal } = this.#closing;
    try {
      return await inTurn(() => {
        if (signal.aborted) throw new FlameError("aborted", "it is no longer wanted");
        this.#starting = true;
        return start(this.#order, signal);
      });
    } catch (thrown) {
      this.#claim?.(undefined);
      throw thrown;
    } finally {
      this.#starting = false;
    }
  }

  /** Until it is taken, ends by itself, or is not wanted any more. */
  async #wait(service: WarmService): Promise<"taken" | "unwanted"> {
    if (this.#closing.signal.aborted) return "unwanted";
    const left = new Promise<"taken" | "unwanted">((resolve) => {
      this.#leave = (why) => {
        this.#waiting = undefined;
        resolve(why);
      };
    });
    this.#waiting = service;
    void service.process.group.exited.then(() => {
      if (this.#waiting === service) this.#leave("unwanted");
    });
    return left;
  }

  #failed(reason: string): number {
    if (this.#closing.signal.aborted) return 0;
    const pauseMs = this.#backoff.next();
    const { application, revision } = this.#order;
    this.#deps.logger.warn(
      { application: application.name, revision, reason, pauseMs },
      "a service that was to wait for a session did not start, or ended; sessions start their own meanwhile",
    );
    return pauseMs;
  }
}

/** Ends a service that no session has. */
export async function endService({ process, release }: WarmService): Promise<void> {
  await process.stop();
  release();
}
