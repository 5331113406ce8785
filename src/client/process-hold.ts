import type { Client } from "@grpc/grpc-js";

/**
 * Lets the process end while calls of the client are open. gRPC keeps a process alive as long as any call is, and has no
 * word for it, so this reaches into its connections; where they are not as expected, the process ends when the client is closed.
 */
export function holdNoProcess(client: Client): void {
  const channel = memberOf(client.getChannel(), "internalChannel");
  const subchannels = memberOf(channel, "wrappedSubchannels");
  if (!(subchannels instanceof Set)) return;
  for (const wrapped of subchannels) {
    const session = memberOf(memberOf(memberOf(wrapped, "child"), "transport"), "session");
    if (isUnrefable(session)) session.unref();
  }
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function isUnrefable(value: unknown): value is { unref(): void } {
  return typeof memberOf(value, "unref") === "function";
}
