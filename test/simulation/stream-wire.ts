import type {
  TasksRequest,
  TasksResponse,
} from "../../src/protocol/generated/flame/stream/v1/clients.ts";
import type { Breakable, Link } from "./network.ts";
import type { SimCall } from "./stream-host.ts";

export interface StreamListener {
  message(response: TasksResponse): void;
  /** The stream is no more; what was under way may or may not have arrived. */
  broken(): void;
}

/**
 * A client's stream to the session manager. Messages of each direction keep their order and none is lost, until it breaks:
 * then what is under way to the session manager is lost, or comes late, while the client speaks on another stream already.
 */
export class StreamWire implements Breakable {
  readonly #link: Link;
  readonly #listener: StreamListener;
  readonly #untrack: () => void;
  #server: SimCall | undefined;
  #listening = true;
  /** The connection is gone, even if an end has not noticed yet. */
  #dead = false;
  /** What is under way to the session manager when the connection breaks comes so much later; undefined: it is lost. */
  #lateMs: number | undefined;
  #lastArrival = 0;
  #lastDeparture = 0;
  #reading = true;
  readonly #unread: (() => void)[] = [];

  constructor(link: Link, listener: StreamListener) {
    this.#link = link;
    this.#listener = listener;
    this.#untrack = link.track(this);
    this.#depart(() => {
      this.#server = link.manager.streams?.open({
        message: (response, taken) => this.#toClient(response, taken),
        closed: () => this.#arrive(() => this.#breakClient(0)),
        lost: () => this.#breakClient(link.world.random.between(0, 50)),
      });
      if (this.#server === undefined) this.#breakClient(link.world.random.between(1, 10));
    });
  }

  /** Until it reads again, what comes stays where it is. */
  set reading(reads: boolean) {
    this.#reading = reads;
    while (this.#reading) {
      const next = this.#unread.shift();
      if (next === undefined) return;
      next();
    }
  }

  /** @param arrived told when the session manager has it */
  send(request: TasksRequest, arrived?: () => void): void {
    if (this.#link.loses()) this.break(500, 500);
    this.#depart(() => {
      this.#server?.deliver(request);
      arrived?.();
    });
  }

  /** The session manager notices about now, if it has not yet, that this stream is gone. */
  noticed(): void {
    this.#cancelServer(this.#link.world.random.between(0, 5));
  }

  break(callerDelayMsMax: number, serverDelayMsMax: number): void {
    if (!this.#listening || this.#dead) return;
    this.#dead = true;
    const { world } = this.#link;
    const { random } = world;
    this.#lateMs = random.chance(0.4) ? random.skewed(1, 10_000) : undefined;
    this.#breakClient(random.between(0, callerDelayMsMax));
    // Behind what comes late.
    const lastMs = this.#lastDeparture - world.now + (this.#lateMs ?? 0);
    this.#cancelServer(Math.max(0, lastMs) + random.between(1, serverDelayMsMax));
  }

  abandon(serverDelayMs: number): void {
    this.#over();
    this.#cancelServer(serverDelayMs);
  }

  /** To the session manager, behind what went before. */
  #depart(action: () => void): void {
    const { world } = this.#link;
    if (this.#dead || !this.#listening) return;
    this.#lastDeparture = Math.max(this.#lastDeparture, world.now + this.#link.delay());
    world.after(this.#lastDeparture - world.now, () => {
      if (this.#link.cut) this.break(10_000, 10_000);
      if (!this.#dead) action();
      else if (this.#lateMs !== undefined) world.after(this.#lateMs, action);
    });
  }

  #toClient(response: TasksResponse, taken: () => void): void {
    if (this.#link.loses()) this.break(500, 500);
    this.#arrive(() => {
      const read = (): void => {
        if (!this.#listening) return;
        taken();
        this.#listener.message(response);
      };
      if (this.#reading) read();
      else this.#unread.push(read);
    });
  }

  /** At the client, behind what came before. */
  #arrive(action: () => void): void {
    const { world } = this.#link;
    this.#lastArrival = Math.max(this.#lastArrival, world.now + this.#link.delay());
    world.after(this.#lastArrival - world.now, () => {
      if (!this.#listening || this.#dead) return;
      if (this.#link.cut) this.break(10_000, 10_000);
      else action();
    });
  }

  #breakClient(delayMs: number): void {
    this.#link.world.after(delayMs, () => {
      if (!this.#listening) return;
      this.#over();
      this.#listener.broken();
    });
  }

  #cancelServer(delayMs: number): void {
    this.#link.world.after(delayMs, () => this.#server?.cancel());
  }

  #over(): void {
    this.#listening = false;
    this.#untrack();
  }
}
