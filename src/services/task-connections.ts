import { connect, type Socket } from "node:net";

/** A service's two connections to its executor manager: tasks come on one, results leave on the other. */
export interface TaskConnections {
  readonly tasks: Socket;
  readonly results: Socket;
}

/**
 * Connects to the socket that FLAME_TASKS_ENDPOINT names.
 * @returns undefined where nobody listens: then tasks come as calls.
 */
export async function connectForTasks(path: string): Promise<TaskConnections | undefined> {
  // In this order: by it the executor manager tells them apart.
  const tasks = await connected(path);
  if (tasks === undefined) return undefined;
  const results = await connected(path);
  if (results !== undefined) return { tasks, results };
  tasks.destroy();
  return undefined;
}

function connected(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const refused = (): void => resolve(undefined);
    socket.once("error", refused);
    socket.once("connect", () => {
      socket.off("error", refused);
      resolve(socket);
    });
  });
}
