import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import type { SessionContext, TaskContext } from "../protocol/generated/flame/v1/shim.ts";
import type { Result, TaskResult } from "../protocol/generated/flame/v1/types.ts";
import type { InstanceHandle } from "./instance-handle.ts";
import { connectForTasks } from "./task-connections.ts";
import { type AskedService, serveTaskStream } from "./task-stream.ts";

export type { SessionContext, TaskContext };

/** A service: what an executor asks of it in the life of one session. What a method throws fails that step with its text. */
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

/** Where a service gets its session and its tasks, as its executor manager chose: paths of unix sockets. */
export interface ServiceEndpoints {
  /** FLAME_INSTANCE_ENDPOINT: it listens there when it is to be called. */
  readonly instance: string | undefined;
  /** FLAME_TASKS_ENDPOINT: it connects there. Undefined: it is called. */
  readonly tasks: string | undefined;
}

/** What an executor manager tells a service in its environment. */
export function serviceEndpoints(
  env: Readonly<Record<string, string | undefined>>,
): ServiceEndpoints {
  return { instance: env["FLAME_INSTANCE_ENDPOINT"], tasks: env["FLAME_TASKS_ENDPOINT"] };
}

/** Return code of every failure. */
const FAILED = -1;

/**
 * Serves a session: on connections to the executor manager where that listens for them, else by the calls of `flame.v1.Instance`
 * on the unix socket that it chose.
 * @throws FlameError invalid_config when no socket was named, unavailable when it cannot be bound.
 */
export async function serveInstance(
  service: FlameService,
  { instance, tasks }: ServiceEndpoints,
): Promise<InstanceHandle> {
  if (instance === undefined || instance === "") {
    throw new FlameError(
      "invalid_config",
      "FLAME_INSTANCE_ENDPOINT is not set: a service is started by an executor manager, which sets it to the path of a unix socket",
    );
  }
  const asked = askedOf(service);
  const connections =
    tasks === undefined || tasks === "" ? undefined : await connectForTasks(tasks);
  if (connections === undefined) {
    // gRPC takes longer to load than everything else that a service is made of.
    const { serveCalls } = await import("./call-server.ts");
    return serveCalls(asked, instance);
  }
  const over = new Promise<void>((resolve) => connections.results.once("close", resolve));
  serveTaskStream(connections, asked, service.tasksAhead ?? 0);
  return {
    over,
    close: async () => {
      connections.tasks.destroy();
      connections.results.destroy();
    },
  };
}

/** Failures travel as return codes with the text of what was thrown. */
function askedOf(service: FlameService): AskedService {
  const step = async (act: () => Promise<void> | void): Promise<Result> => {
    try {
      await act();
      return { returnCode: 0 };
    } catch (thrown) {
      return failure(thrown);
    }
  };
  return {
    enter: (context) =>
      step(() => {
        if (context.application === undefined)
          throw new FlameError("invalid_argument", "the session has no application");
        return service.onSessionEnter?.(context);
      }),
    // At once where the service does: a promise costs as much as a short task.
    run: (task) => {
      try {
        const output = service.onTaskInvoke(task);
        return output instanceof Promise ? output.then(succeeded, failure) : succeeded(output);
      } catch (thrown) {
        return failure(thrown);
      }
    },
    leave: () => step(() => service.onSessionLeave?.()),
  };
}

const succeeded = (output: Buffer | undefined): TaskResult => ({ returnCode: 0, output });

function failure(thrown: unknown): { returnCode: number; message: string } {
  return { returnCode: FAILED, message: textOf(thrown) };
}
