import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import { FrontendService } from "../../src/protocol/generated/flame/v1/frontend.ts";
import type { Task } from "../../src/protocol/generated/flame/v1/types.ts";

/** Loads that clients put on a session manager; each client has a connection of its own. */
export class LoadClient {
  readonly #client: Client;

  /** @param address `HOST:PORT` */
  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": -1,
    });
  }

  /** One call; resolves with the reply, rejects with grpc's error. */
  call<Q, A>(method: MethodDefinition<Q, A>, request: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata(),
        { deadline: Date.now() + callDeadlineMs },
        (error, reply) => {
          if (error === null) resolve(reply as A);
          else reject(error);
        },
      );
    });
  }

  /** Opens a watch; nothing is read before somebody listens. */
  watch(sessionId: string, taskId: string): ClientReadableStream<Task> {
    const { path, requestSerialize, responseDeserialize } = FrontendService.watchTask;
    const stream = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { sessionId, taskId },
      new Metadata(),
    );
    stream.on("error", () => undefined);
    return stream;
  }

  close(): void {
    this.#client.close();
  }
}

const callDeadlineMs = 120_000;

/** What became of calls: how many were answered, and how many refused, by gRPC status. */
export interface Outcome {
  answered: number;
  readonly refused: Map<number, number>;
  seconds: number;
}

/** Makes `count` calls, `concurrency` of them at once on each of the clients. */
export async function many(
  clients: readonly LoadClient[],
  count: number,
  concurrency: number,
  one: (client: LoadClient, index: number) => Promise<unknown>,
): Promise<Outcome> {
  const outcome: Outcome = { answered: 0, refused: new Map(), seconds: 0 };
  const begun = performance.now();
  let next = 0;
  const work = async (client: LoadClient): Promise<void> => {
    while (next < count) {
      try {
        await one(client, next++);
        outcome.answered++;
      } catch (thrown) {
        const { code } = thrown as ServiceError;
        outcome.refused.set(code, (outcome.refused.get(code) ?? 0) + 1);
      }
    }
  };
  await Promise.all(
    clients.flatMap((client) => Array.from({ length: concurrency }, () => work(client))),
  );
  outcome.seconds = (performance.now() - begun) / 1000;
  return outcome;
}

export interface SessionLoad {
  /** Instances that each one keeps. */
  readonly minInstances?: number;
  /** Of each instance. */
  readonly resreq?: { readonly cpu: bigint; readonly memory: bigint; readonly gpu: number };
}

/** Opens `count` sessions named `PREFIX-0`, `PREFIX-1` ... */
export function openSessions(
  clients: readonly LoadClient[],
  prefix: string,
  count: number,
  { minInstances = 0, resreq }: SessionLoad = {},
): Promise<Outcome> {
  return many(clients, count, 16, (client, index) =>
    client.call(FrontendService.createSession, {
      sessionId: `${prefix}-${index}`,
      session: {
        application: "flmping",
        commonData: undefined,
        minInstances,
        maxInstances: undefined,
        batchSize: 1,
        priority: 0,
        resreq,
      },
    }),
  );
}

/** Queues `count` tasks, spread over `sessions` sessions of that prefix. */
export function queueTasks(
  clients: readonly LoadClient[],
  prefix: string,
  { count, sessions, concurrency = 128, bytes = 32 }: TaskLoad,
): Promise<Outcome> {
  const input = randomBytes(bytes);
  return many(clients, count, concurrency, (client, index) =>
    client.call(FrontendService.createTask, {
      task: { sessionId: `${prefix}-${index % sessions}`, input, output: undefined },
    }),
  );
}

export interface TaskLoad {
  readonly count: number;
  readonly sessions: number;
  /** Calls under way at once, per client. */
  readonly concurrency?: number;
  /** Of each input. */
  readonly bytes?: number;
}

/** Registers `count` applications with a manifest of about `bytes` bytes. */
export function registerApplications(
  clients: readonly LoadClient[],
  prefix: string,
  { count, bytes, concurrency = 64 }: { count: number; bytes: number; concurrency?: number },
): Promise<Outcome> {
  const description = "d".repeat(bytes);
  return many(clients, count, concurrency, async (client, index) => {
    const result = await client.call(FrontendService.registerApplication, {
      name: `${prefix}-${index}`,
      application: {
        shim: 0,
        description,
        labels: [],
        image: undefined,
        command: "/bin/true",
        arguments: [],
        environments: [],
        workingDirectory: undefined,
        maxInstances: undefined,
        delayRelease: undefined,
        schema: undefined,
        url: undefined,
        installer: undefined,
      },
    });
    if (result.returnCode !== 0) throw new Error(result.message);
  });
}

/** Calls one after the other until told to stop; the times they took, in milliseconds. */
export class Prober {
  readonly times: number[] = [];
  readonly failures: string[] = [];
  readonly #client: LoadClient;
  readonly #sessionId: string;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(client: LoadClient, sessionId: string) {
    this.#client = client;
    this.#sessionId = sessionId;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    const sessionId = this.#sessionId;
    while (!this.#stopped) {
      const begun = performance.now();
      try {
        const { metadata } = await this.#client.call(FrontendService.createTask, {
          task: { sessionId, input: Buffer.from("probe"), output: undefined },
        });
        await this.#client.call(FrontendService.getTask, {
          sessionId,
          taskId: metadata?.id ?? "",
        });
      } catch (thrown) {
        this.failures.push(String(thrown));
      }
      this.times.push((performance.now() - begun) / 2);
      await new Promise((resolve) => setTimeout(resolve, probePauseMs));
    }
  }
}

const probePauseMs = 10;
