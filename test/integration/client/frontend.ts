import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerWritableStream,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { FlameError } from "../../../src/model/errors.ts";
import {
  type FollowRequest,
  type FollowResponse,
  LogsService,
} from "../../../src/protocol/generated/flame/logs/v1/logs.ts";
import { ClientsService } from "../../../src/protocol/generated/flame/stream/v1/clients.ts";
import { FrontendService } from "../../../src/protocol/generated/flame/v1/frontend.ts";
import * as pb from "../../../src/protocol/generated/flame/v1/types.ts";
import { statusOf } from "../../../src/protocol/grpc-errors.ts";
import { ServedStream } from "./tasks-server.ts";

/** What a test wants of the Frontend, replies or FlameErrors; every other call is answered UNIMPLEMENTED. */
export interface Behaviour {
  readonly unary?: Record<string, (request: never, metadata: Map<string, string>) => unknown>;
  readonly watch?: (call: ServerWritableStream<unknown, pb.Task>) => void;
  /** Serves flame.stream.v1.Clients, which is looked at with each start; absent: it is not served. */
  readonly tasks?: (stream: ServedStream) => void;
  /** Serves flame.logs.v1.Logs; absent: it is not served. */
  readonly logs?: (call: FollowCall) => void;
}

export type FollowCall = ServerDuplexStream<FollowRequest, FollowResponse>;

/** A Frontend that does as it is told, misbehaviour included, on a port of its own. */
export class ScriptedFrontend {
  readonly #behaviour: Behaviour;
  #server: Server | undefined;
  #port = 0;

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens, again on the port it had. */
  async start(): Promise<this> {
    const server = new Server();
    server.addService(FrontendService, this.#implementation());
    const { tasks } = this.#behaviour;
    if (tasks !== undefined)
      server.addService(ClientsService, {
        tasks: (call: ServedStream["call"]) => tasks(new ServedStream(call)),
      });
    const { logs } = this.#behaviour;
    if (logs !== undefined) server.addService(LogsService, { follow: logs });
    this.#port = await new Promise((resolve, reject) => {
      server.bindAsync(
        `127.0.0.1:${this.#port}`,
        ServerCredentials.createInsecure(),
        (error, port) => (error === null ? resolve(port) : reject(error)),
      );
    });
    this.#server = server;
    return this;
  }

  /** Breaks every connection, as `kill -9` does. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  #implementation(): UntypedServiceImplementation {
    const implementation: UntypedServiceImplementation = {};
    for (const [name, definition] of Object.entries(FrontendService)) {
      if (definition.responseStream) continue;
      const handle: handleUnaryCall<unknown, unknown> = (call, callback) => {
        const answer = this.#behaviour.unary?.[name];
        if (answer === undefined) {
          callback({ code: status.UNIMPLEMENTED, details: name });
          return;
        }
        const metadata = new Map(
          Object.entries(call.metadata.getMap()).map(([key, value]) => [key, String(value)]),
        );
        void (async () => answer(call.request as never, metadata))().then(
          (reply) => {
            if (reply instanceof FlameError) callback(statusOf(reply));
            else callback(null, reply);
          },
          (refusal: unknown) => callback(refusal as Partial<ServiceError>),
        );
      };
      implementation[name] = handle;
    }
    implementation["watchTask"] = (call: ServerWritableStream<unknown, pb.Task>) =>
      this.#behaviour.watch?.(call);
    return implementation;
  }
}

/** A task of session `s` on the wire. */
export function wireTask(id: string, state: keyof typeof states, output?: string): pb.Task {
  return pb.Task.fromPartial({
    metadata: { id, name: id },
    spec: { sessionId: "s", ...(output === undefined ? {} : { output: Buffer.from(output) }) },
    status: { state: states[state] },
  });
}

const states = { Pending: 0, Running: 1, Succeed: 2, Failed: 3, Cancelled: 4 } as const;

/** Session `s` on the wire. */
export function wireSession(): pb.Session {
  return pb.Session.fromPartial({
    metadata: { id: "s", name: "s" },
    spec: { application: "a" },
    status: { state: 0 },
  });
}
