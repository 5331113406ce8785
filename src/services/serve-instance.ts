import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import {
  InstanceService,
  type SessionContext,
  type TaskContext,
} from "../protocol/generated/flame/v1/shim.ts";
import type { EmptyRequest, Result, TaskResult } from "../protocol/generated/flame/v1/types.ts";
import { connectForTasks, type TaskConnections } from "./task-connections.ts";
import { type RunTask, serveTaskStream } from "./task-stream.ts";

export type { SessionContext, TaskContext };

/** A service: what an executor calls in the life of one session. What a method throws fails that call with its text. */
export interface FlameService {
  /**
   * How many tasks it takes beside the one that runs, so that it never waits for the next. Only for a service whose
   * tasks print nothing: else it would not be certain which of them did.
   * @default 0
   */
  readonly tasksAhead?: number;
  /** Once, before any task. */
  onSessionEnter?(context: SessionContext): Promise<void> | void;
  /** One task at a time; the output is undefined when there is none, which is not the same as an empty one. */
  onTaskInvoke(context: TaskContext): Promise<Buffer | undefined> | Buffer | undefined;
  /** Once, after the last task. */
  onSessionLeave?(): Promise<void> | void;
}

/** Where a service is called and gets its tasks, as its executor manager chose: paths of unix sockets. */
export interface ServiceEndpoints {
  /** FLAME_INSTANCE_ENDPOINT: it listens there. */
  readonly instance: string | undefined;
  /** FLAME_TASKS_ENDPOINT: it connects there. Undefined: each task is a call. */
  readonly tasks: string | undefined;
}

/** What an executor manager tells a service in its environment. */
export function serviceEndpoints(
  env: Readonly<Record<string, string | undefined>>,
): ServiceEndpoints {
  return { instance: env["FLAME_INSTANCE_ENDPOINT"], tasks: env["FLAME_TASKS_ENDPOINT"] };
}

/** A service that accepts calls. */
export interface InstanceHandle {
  /** Ends open calls and removes the socket. */
  close(): Promise<void>;
}

/** Return code of every failure. */
const FAILED = -1;

/**
 * Serves `flame.v1.Instance` on the unix socket that the executor manager chose, and runs the tasks that come on the other one.
 * @throws FlameError invalid_config when it is missing, unavailable when the socket cannot be bound.
 */
export async function serveInstance(
  service: FlameService,
  { instance: endpoint, tasks }: ServiceEndpoints,
): Promise<InstanceHandle> {
  if (endpoint === undefined || endpoint === "") {
    throw new FlameError(
      "invalid_config",
      "FLAME_INSTANCE_ENDPOINT is not set: a service is started by an executor manager, which sets it to the path of a unix socket",
    );
  }
  const server = new Server({
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  const invoke = runnerOf(service);
  let connections: TaskConnections | undefined;
  const connect = async (): Promise<void> => {
    if (connections !== undefined || tasks === undefined || tasks === "") return;
    connections = await connectForTasks(tasks);
    if (connections !== undefined) serveTaskStream(connections, invoke, service.tasksAhead ?? 0);
  };
  server.addService(InstanceService, {
    onSessionEnter: answering(
      async ({ request }: ServerUnaryCall<SessionContext, Result>): Promise<Result> => {
        if (request.application === undefined)
          throw new FlameError("invalid_argument", "the session has no application");
        // Before the answer: by it the executor manager knows that tasks may come so.
        await connect();
        await service.onSessionEnter?.(request);
        return { returnCode: 0 };
      },
    ),
    onTaskInvoke: answering(async ({ request }: ServerUnaryCall<TaskContext, TaskResult>) =>
      invoke(request),
    ),
    onSessionLeave: answering(
      async (_call: ServerUnaryCall<EmptyRequest, Result>): Promise<Result> => {
        await service.onSessionLeave?.();
        return { returnCode: 0 };
      },
    ),
  });
  await bind(server, endpoint);
  return {
    close: () =>
      new Promise((resolve) => {
        connections?.tasks.destroy();
        connections?.results.destroy();
        server.tryShutdown(() => resolve());
        server.forceShutdown();
      }),
  };
}

/** Runs a task, at once where the service does: a promise costs as much as a short task. */
function runnerOf(service: FlameService): RunTask {
  const succeeded = (output: Buffer | undefined): TaskResult => ({ returnCode: 0, output });
  return (task) => {
    try {
      const output = service.onTaskInvoke(task);
      return output instanceof Promise ? output.then(succeeded, failure) : succeeded(output);
    } catch (thrown) {
      return failure(thrown);
    }
  };
}

type Call<Request, Response> = ServerUnaryCall<Request, Response>;

/** Failures travel as return codes with the text of what was thrown, never as gRPC statuses. */
function answering<Request, Response extends { returnCode: number; message?: string | undefined }>(
  handle: (call: Call<Request, Response>) => Promise<Response>,
): (call: Call<Request, Response>, callback: sendUnaryData<Response | Result>) => void {
  return (call, callback) => {
    handle(call).then(
      (response) => callback(null, response),
      (thrown: unknown) => callback(null, failure(thrown)),
    );
  };
}

function failure(thrown: unknown): { returnCode: number; message: string } {
  return { returnCode: FAILED, message: textOf(thrown) };
}

function bind(server: Server, endpoint: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${endpoint}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else {
        const text = `cannot serve on FLAME_INSTANCE_ENDPOINT "${endpoint}": ${error.message}`;
        reject(new FlameError("unavailable", text, { cause: error }));
      }
    });
  });
}
