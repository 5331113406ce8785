import { connect, createServer, type Socket } from "node:net";

/** Between a client and a server, until it falls silent. */
export interface BlackholeProxy {
  readonly port: number;
  /** From now on nothing gets through, in either direction, and no connection is ended: as when a host loses its power. */
  vanish(): void;
  close(): Promise<void>;
}

/** Passes connections on to a port of this machine. */
export async function blackholeProxy(target: number): Promise<BlackholeProxy> {
  const sockets = new Set<Socket>();
  let silent = false;
  const join = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on("data", (chunk) => {
      if (!silent) to.write(chunk);
    });
    from.on("error", () => undefined);
    from.on("close", () => {
      sockets.delete(from);
      if (!silent) to.destroy();
    });
  };
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    join(client, upstream);
    join(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    vanish: () => {
      silent = true;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
