import type { ServerWritableStream } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServer,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../protocol/generated/grpc/health/v1/health.ts";
import { headerText } from "../protocol/grpc-errors.ts";

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/**
 * `grpc.health.v1` of one listener: NOT_SERVING until told otherwise. The library `grpc-health-check` is not used: it
 * reads its .proto file from its own package folder at run time, which a bundled program does not have, and leaves
 * watches open when a server stops.
 */
export class Health {
  /** Of the services, and of the listener as a whole under the empty name. */
  readonly #statuses = new Map<string, ServingStatus>();
  /** Of these, those that cannot be used although the listener serves. */
  readonly #away = new Set<string>();
  readonly #watchers = new Set<Watcher>();
  #serves = false;
  #closed = false;

  /** @param services full names, such as `flame.v1.Frontend` */
  constructor(services: readonly string[]) {
    for (const name of ["", ...services]) this.#statuses.set(name, ServingStatus.NOT_SERVING);
  }

  /** Tells one state for every service of the listener; watchers hear of it. */
  serving(serves: boolean): void {
    this.#serves = serves;
    for (const name of this.#statuses.keys()) this.#statuses.set(name, this.#stateOf(name));
    for (const watcher of this.#watchers) this.#tell(watcher);
  }

  /** Tells the state of one name alone, as long as the listener serves. */
  part(name: string, serves: boolean): void {
    if (serves) this.#away.delete(name);
    else this.#away.add(name);
    this.#statuses.set(name, this.#stateOf(name));
    for (const watcher of this.#watchers) {
      if (watcher.request.service === name) this.#tell(watcher);
    }
  }

  /** NOT_SERVING from now on, and the end of every watch: a watch would hold the shutdown up. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.serving(false);
    for (const watcher of this.#watchers) this.#end(watcher);
    this.#watchers.clear();
  }

  handlers(): HealthServer {
    return {
      check: (call, answer) => {
        const { service } = call.request;
        const found = this.#statuses.get(service);
        if (found !== undefined) answer(null, { status: found });
        else
          answer({
            code: status.NOT_FOUND,
            details: headerText(unknown(service, this.#statuses.keys())),
          });
      },
      list: (_call, answer) => {
        const entries = [...this.#statuses].map(([name, state]) => [name, { status: state }]);
        answer(null, { statuses: Object.fromEntries(entries) as Record<string, never> });
      },
      watch: (call) => {
        this.#tell(call);
        if (this.#closed) {
          this.#end(call);
          return;
        }
        this.#watchers.add(call);
        call.on("cancelled", () => this.#watchers.delete(call));
      },
    };
  }

  #stateOf(name: string): ServingStatus {
    const serves = this.#serves && !this.#away.has(name);
    return serves ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  #tell(watcher: Watcher): void {
    const state = this.#statuses.get(watcher.request.service) ?? ServingStatus.SERVICE_UNKNOWN;
    watcher.write({ status: state });
  }

  #end(watcher: Watcher): void {
    watcher.emit("error", { code: status.UNAVAILABLE, details: "the server is stopping" });
  }
}

function unknown(service: string, known: Iterable<string>): string {
  const names = [...known].map((name) => JSON.stringify(name)).join(", ");
  return `no service ${JSON.stringify(service)} here: expected one of ${names}`;
}
