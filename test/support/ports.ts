import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the range from which Linux takes the ports of outgoing connections.
const lowest = 20_000;
const highest = 32_000;
const attempts = 200;

/**
 * Finds `count` consecutive ports of 127.0.0.1 that nobody listens on: a session manager needs a pair
 * (frontend, and backend one above it).
 * @throws Error when none were found
 */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const first = randomInt(lowest, highest - count);
    const ports = Array.from({ length: count }, (_, offset) => first + offset);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return first;
  }
  throw new Error(
    `no ${count} consecutive free ports in ${lowest}-${highest}, tried ${attempts} times`,
  );
}

/** Whether a port of 127.0.0.1 can be listened on right now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}
