import type { Server, ServerCredentials } from "@grpc/grpc-js";
import { FlameError } from "../model/errors.ts";

/** Where a server listens, and how it speaks there. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly credentials: ServerCredentials;
}

/**
 * Binds a server.
 * @returns the port, which differs from `port` when that was 0.
 * @throws FlameError invalid_config naming the address when it is taken or not ours.
 */
export function listen(
  server: Server,
  { host, port, credentials }: ListenAddress,
  what: string,
): Promise<number> {
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) {
        resolve(bound);
        return;
      }
      const taken = error.message.includes("EADDRINUSE");
      const advice = taken
        ? "another program listens there; stop it, or change cluster.endpoint"
        : "check cluster.endpoint and cluster.listen";
      reject(
        new FlameError(
          "invalid_config",
          `the ${what} cannot listen on ${address}: ${taken ? "the port is taken" : error.message}; ${advice}`,
          {
            cause: error,
          },
        ),
      );
    });
  });
}

/** Lets running calls end for at most `graceMs`, then cuts what is left. */
export async function shutDown(server: Server, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(force);
      resolve();
    });
  });
}
