import { createServer } from "node:net";
import { codeOf, textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import { addressText, type Listener } from "./daemons.ts";

/**
 * Looks before anything is started whether all addresses can be listened on.
 * @throws FlameError invalid_config naming every one that cannot, who wants it and the key that moves it.
 */
export async function refuseTakenPorts(
  wanted: readonly Listener[],
  configSource: string,
): Promise<void> {
  const faults: string[] = [];
  for (const listener of wanted) {
    const fault = await listenFault(listener);
    if (fault !== undefined) {
      faults.push(`${addressText(listener)} (${listener.what}, ${listener.key}) ${fault}`);
    }
  }
  if (faults.length === 0) return;
  throw new FlameError(
    "invalid_config",
    `cannot listen on ${faults.join(" and ")}; end the other program or set another address in ` +
      `flame-cluster.yaml (read: ${configSource})`,
  );
}

function listenFault({ host, port }: Listener): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (thrown) => {
      resolve(codeOf(thrown) === "EADDRINUSE" ? "is taken by another program" : textOf(thrown));
    });
    server.listen({ host, port, exclusive: true }, () => {
      server.close(() => resolve(undefined));
    });
  });
}
