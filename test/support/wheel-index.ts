import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A package index of wheels, on loopback and without hashes on its pages. */
export class WheelIndex {
  /** What it has: the name of a file, and its content. */
  readonly files = new Map<string, Buffer>();
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      const [, , name = ""] = request.url?.split("/") ?? [];
      const file = this.files.get(name);
      const links = [...this.files.keys()].filter((each) => each.startsWith(`${name}-`));
      if (file !== undefined) response.end(file);
      else if (links.length === 0) response.writeHead(404).end();
      else {
        const lines = links.map((each) => `<a href="/files/${each}">${each}</a>`);
        response.writeHead(200, { "content-type": "text/html" }).end(lines.join(""));
      }
    });
  }

  static async start(): Promise<WheelIndex> {
    const index = new WheelIndex();
    await new Promise<void>((listening) => index.#server.listen(0, "127.0.0.1", listening));
    index.#port = (index.#server.address() as AddressInfo).port;
    return index;
  }

  /** What makes uv ask this index alone, once. */
  get environment(): Readonly<Record<string, string>> {
    const url = `http://127.0.0.1:${this.#port}/simple`;
    return { UV_DEFAULT_INDEX: url, UV_HTTP_RETRIES: "0" };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}
