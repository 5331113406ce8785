import { chmod } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import type { TaskLink } from "./task-stream.ts";

/** Where one service connects when it takes its tasks so: open until it has entered its session, or has connected. */
export class TaskDoor {
  readonly #path: string;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  constructor(path: string) {
    this.#path = path;
    this.#server = createServer((socket) => this.#admit(socket));
  }

  /**
   * Listens, for the user of this process alone.
   * @throws FlameError unavailable, naming the path and why.
   */
  async open(): Promise<void> {
    const path = this.#path;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen({ path }, resolve);
      });
      await chmod(path, 0o600);
    } catch (cause) {
      const text = `cannot listen for a service on the unix socket "${path}": ${textOf(cause)}`;
      throw new FlameError("unavailable", text, { cause });
    }
  }

  #admit(socket: Socket): void {
    // What goes wrong with it is told to whoever uses it.
    socket.on("error", () => undefined);
    if (this.#sockets.length === 2) socket.destroy();
    else this.#sockets.push(socket);
  }

  /** The connections that the service has made by now; nobody else gets in any more. */
  async connections(): Promise<TaskLink | undefined> {
    // What it did before it answered a call is seen in the next round of I/O at the latest.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    this.#shut();
    const [tasks, results] = this.#sockets.splice(0);
    if (tasks !== undefined && results !== undefined) return { tasks, results };
    tasks?.destroy();
    return undefined;
  }

  /** Takes the socket away, and whoever came by it. Idempotent. */
  close(): void {
    this.#shut();
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }

  #shut(): void {
    // The file goes with it.
    if (this.#server.listening) this.#server.close();
  }
}
