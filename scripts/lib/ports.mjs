import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { SetupError } from "./progress.mjs";

// Below the range from which Linux takes the ports of outgoing connections.
const [lowest, highest] = [20_000, 32_000];
const attempts = 200;

/** Whether a port of 127.0.0.1 can be listened on right now. */
export function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}

/** The first of `count` consecutive free ports. */
export async function freePorts(count) {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const first = randomInt(lowest, highest - count);
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)));
    if (free.every(Boolean)) return first;
  }
  throw new SetupError(`no ${count} consecutive free ports of 127.0.0.1 in ${lowest}-${highest}`);
}
