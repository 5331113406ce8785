import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../kit/clock.ts";
import { randomId } from "../../kit/ids.ts";
import type { Logger } from "../../kit/logger.ts";
import type { WarmOrder } from "../executor-messages.ts";
import { entersPackages } from "../packages/package-variables.ts";
import type { PackageInstaller, StartedServices } from "../service-host.ts";
import { type NodeServices, type ServiceProgram, startServiceProcess } from "../service-process.ts";
import { endService, WarmPlace, type WarmPlaceDeps, type WarmService } from "./warm-place.ts";

/** How long a service that is called may take until calls get through. */
const CONNECT_MS = 5_000;

export interface WarmServicesDeps {
  readonly around: NodeServices;
  readonly installer: PackageInstaller;
  readonly clock: Clock;
  readonly logger: Logger;
  /** More are not kept, whatever is wanted. */
  readonly servicesMax: number;
}

/** The places of one application, as it is to be started. */
interface Shelf {
  readonly order: WarmOrder;
  readonly places: WarmPlace[];
}

/** Services that wait for a session. */
export interface WaitingServices {
  readonly application: string;
  /** Their process groups. */
  readonly groups: readonly number[];
}

/**
 * The services that a node keeps started for sessions to come (docs/protocol.md, "Warm services"). Each is given to one session,
 * which ends it like one that it started itself.
 */
export class WarmServices implements StartedServices {
  readonly #deps: WarmServicesDeps;
  readonly #places: WarmPlaceDeps;
  /** By what is started. */
  #shelves = new Map<string, Shelf>();
  /** Closed places in which something may still run. */
  readonly #ending = new Set<Promise<void>>();
  /** The start that is under way, and those that wait for it. */
  #starts: Promise<unknown> = Promise.resolve();
  #taken = 0;
  #wanted: readonly WarmOrder[] = [];
  /** Services may be kept now. */
  #isOpen = true;
  #isClosed = false;

  constructor(deps: WarmServicesDeps) {
    this.#deps = deps;
    const { clock, logger } = deps;
    this.#places = {
      clock,
      logger,
      start: (order, signal) => this.#start(order, signal),
      inTurn: (start) => {
        const started = this.#starts.then(start);
        this.#starts = started.catch(() => undefined);
        return started;
      },
    };
  }

  /** How many sessions got one so far. */
  get taken(): number {
    return this.#taken;
  }

  /** By application; one whose services are all being started has none. */
  get waiting(): WaitingServices[] {
    return [...this.#shelves.values()].map(({ order, places }) => ({
      application: order.application.name,
      groups: places.flatMap(({ ready }) => (ready === undefined ? [] : [ready.process.group.pid])),
    }));
  }

  /** What is to be kept from now on. What is the same as before stays, the rest is ended. */
  want(orders: readonly WarmOrder[]): void {
    this.#wanted = orders;
    if (this.#isOpen) this.#arrange(orders);
  }

  /** Does something while none is here; then they are started anew. */
  async without(work: () => Promise<void>): Promise<void> {
    await this.#clear();
    try {
      await work();
    } finally {
      this.#isOpen = !this.#isClosed;
      this.want(this.#wanted);
    }
  }

  /** Ends them all, and keeps none any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#clear();
  }

  async #clear(): Promise<void> {
    this.#isOpen = false;
    this.#arrange([]);
    await Promise.all(this.#ending);
  }

  #arrange(orders: readonly WarmOrder[]): void {
    const before = this.#shelves;
    this.#shelves = new Map();
    let left = this.#deps.servicesMax;
    for (const order of orders) {
      const key = JSON.stringify([order.application, order.source]);
      const places = before.get(key)?.places ?? [];
      before.delete(key);
      const count = Math.min(order.count, left);
      left -= count;
      for (const place of places.splice(count)) this.#end(place);
      while (places.length < count) places.push(new WarmPlace(this.#places, order));
      this.#shelves.set(key, { order, places });
    }
    for (const { places } of before.values()) for (const place of places) this.#end(place);
  }

  async take(
    program: ServiceProgram,
    packages: readonly string[],
    signal: AbortSignal,
  ): Promise<WarmService | undefined> {
    const service = await this.#find(program, packages, signal);
    if (service !== undefined) this.#taken++;
    return service;
  }

  async #find(
    program: ServiceProgram,
    packages: readonly string[],
    signal: AbortSignal,
  ): Promise<WarmService | undefined> {
    const { application, packageVariables } = program;
    const fits = (service: WarmService): boolean =>
      isDeepStrictEqual(service.packageVariables, packageVariables);
    const shelves = [...this.#shelves.values()];
    const places = shelves
      .filter(
        ({ order }) =>
          isDeepStrictEqual(order.application, application) &&
          // Else its variables name the list, so none is started for a session with packages of its own, and none is stale.
          (entersPackages(order.source) || isDeepStrictEqual(order.source.packages, packages)),
      )
      .flatMap((shelf) => shelf.places);
    for (const place of places) {
      const { ready } = place;
      if (ready === undefined) continue;
      if (fits(ready)) return place.take();
      // What lies behind its url is another one by now.
      place.renew();
    }
    const service = await places.find(({ isComing }) => isComing)?.takeComing(signal);
    if (service === undefined || fits(service)) return service;
    await endService(service);
    return undefined;
  }

  #end(place: WarmPlace): void {
    const ended = place.close();
    this.#ending.add(ended);
    void ended.then(() => this.#ending.delete(ended));
  }

  async #start(order: WarmOrder, signal: AbortSignal): Promise<WarmService> {
    const { around, installer, clock } = this.#deps;
    const { application, source } = order;
    const { variables, release } = await installer.prepare(source, signal, true);
    const program = { application, packageVariables: variables };
    try {
      const process = await startServiceProcess(around, program, randomId(), undefined, signal);
      await process.line.connect(clock.now() + CONNECT_MS);
      return { process, release, packageVariables: variables };
    } catch (thrown) {
      release();
      throw thrown;
    }
  }
}
