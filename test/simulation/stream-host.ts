import { EventEmitter } from "node:events";
import { Metadata, type ServerDuplexStream } from "@grpc/grpc-js";
import { type SubmitBatch } from "../../src/core/submit-batch.ts";
import { refuseAll } from "../../src/core/submit-commands.ts";
import { silentLogger } from "../../src/kit/logger.ts";
import { FlameError } from "../../src/model/errors.ts";
import type {
  ClientsServer,
  TasksRequest,
  TasksResponse,
} from "../../src/protocol/generated/flame/stream/v1/clients.ts";
import { RequestTrail } from "../../src/session-manager/calls/request-trail.ts";
import { ClientDoor } from "../../src/session-manager/engine/engine-door.ts";
import { Payloads } from "../../src/session-manager/engine/payloads.ts";
import { clientsService } from "../../src/session-manager/frontend/task-stream.ts";
import type { FinishedTasks } from "../../src/session-manager/storage/finished-tasks.ts";
import type { MemoryStore } from "../../src/storage/memory-store.ts";
import type { SimManager } from "./sim-manager.ts";
import { slowReads } from "./slow-reads.ts";
import type { StreamAuditor } from "./stream-auditor.ts";
import type { World } from "./world.ts";

const diskIsFull = new FlameError("resource_exhausted", "the disk is full", { retryAfterMs: 1000 });

export interface StreamHostDeps {
  readonly world: World;
  readonly manager: SimManager;
  readonly store: MemoryStore;
  readonly finished: FinishedTasks;
  readonly tasksKept: number;
  readonly auditor: StreamAuditor;
}

/** What a client's end of a stream hears of the server. */
export interface StreamEnd {
  message(response: TasksResponse, taken: () => void): void;
  /** The session manager ended the stream. */
  closed(reason: string): void;
  /** The process died. */
  lost(): void;
}

/** The real `flame.stream.v1.Clients` of one life of the session manager, over calls that the simulation carries. */
export class StreamHost {
  readonly #deps: StreamHostDeps;
  readonly #service: ClientsServer;
  readonly #calls = new Set<SimCall>();
  #dead = false;

  constructor(deps: StreamHostDeps) {
    this.#deps = deps;
    const { world, finished, tasksKept } = deps;
    const store = slowReads(deps.store, world, () => this.#dead);
    this.#service = clientsService({
      engine: { of: () => this.#door() },
      payloads: new Payloads(store, 10_000, tasksKept),
      store,
      finished,
      trail: new RequestTrail(),
      logger: silentLogger,
      limits: { takeBytes: () => () => undefined },
      soon: (act) => {
        world.after(0, () => {
          if (!this.#dead) act();
        });
      },
    });
  }

  open(end: StreamEnd): SimCall {
    const call = new SimCall(this.#deps, end, () => this.#dead);
    this.#calls.add(call);
    this.#service.tasks(call as unknown as ServerDuplexStream<TasksRequest, TasksResponse>);
    return call;
  }

  die(): void {
    this.#dead = true;
    for (const call of this.#calls) call.die();
  }

  /** Commands go as the engine takes them; now and then the disk is full, and refuses what came. */
  #door(): ClientDoor {
    const { manager, world } = this.#deps;
    const nothing = { token: 0, cancel: (): void => undefined };
    return new ClientDoor((kind, input, { reply, fail, sink }) => {
      const isFull = kind === "submit.tasks" && world.stormy && world.random.chance(0.03);
      const taken = isFull ? refuseAll(input as SubmitBatch, diskIsFull) : input;
      const receiver = {
        reply,
        fail,
        push: (value: unknown) => sink?.push(value),
        end: (error?: FlameError) => sink?.end(error),
        lost: () => undefined,
      };
      return manager.submit(kind, taken as never, receiver) ?? nothing;
    });
  }
}

/** A call as grpc-js hands it to a service. */
export class SimCall extends EventEmitter {
  readonly metadata = new Metadata();
  readonly #deps: StreamHostDeps;
  readonly #end: StreamEnd;
  readonly #isDead: () => boolean;
  readonly #waiting: TasksRequest[] = [];
  #paused = false;
  #over = false;

  constructor(deps: StreamHostDeps, end: StreamEnd, isDead: () => boolean) {
    super();
    this.#deps = deps;
    this.#end = end;
    this.#isDead = isDead;
  }

  getPeer(): string {
    return "simulation";
  }

  sendMetadata(): void {
    // The client's model does not wait for it.
  }

  isPaused(): boolean {
    return this.#paused;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deps.world.after(0, () => this.#read());
  }

  /** A message has come. */
  deliver(request: TasksRequest): void {
    this.#waiting.push(request);
    this.#read();
  }

  /** The session manager sees that the connection is gone. */
  cancel(): void {
    if (this.#over || this.#isDead()) return;
    this.#over = true;
    this.emit("cancelled");
  }

  write(response: TasksResponse, taken: () => void): void {
    this.#deps.auditor.leaves(this, response);
    this.#end.message(response, () => {
      if (!this.#over && !this.#isDead()) taken();
    });
  }

  end(): void {
    this.#over = true;
  }

  override emit(event: string, ...values: unknown[]): boolean {
    if (event === "error" && !this.#over) {
      this.#over = true;
      const [{ details }] = values as [{ readonly details: string }];
      this.#end.closed(details);
    }
    return super.emit(event, ...values);
  }

  die(): void {
    if (!this.#over) this.#end.lost();
  }

  #read(): void {
    while (!this.#paused && !this.#over && !this.#isDead()) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      this.#deps.auditor.comes(this, request);
      this.emit("data", request);
    }
  }
}
