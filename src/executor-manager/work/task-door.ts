import { chmod } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import type { TaskLink } from "./task-stream.ts";

/** Where one service connects when it takes its session and its tasks so: open until it has, or accepts calls. */
export class TaskDoor {
  /** Resolves when the service has made both connections. Never rejects. */
  readonly linked: Promise<TaskLink>;
  readonly #path: string;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  #link: (link: TaskLink) => void = () => undefined;

  constructor(path: string) {
    this.#path = path;
    this.linked = new Promise((resolve) => {
      this.#link = resolve;
    });
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
    if (this.#sockets.length === 2) {
      socket.destroy();
      return;
    }
    this.#sockets.push(socket);
    const [tasks, results] = this.#sockets;
    if (tasks === undefined || results === undefined) return;
    this.#shut();
    this.#link({ tasks, results });
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
