/** Both ends of a TCP connection, as its listener sees them. */
export interface ConnectionEnds {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Names a connection for as long as it is open. */
export function connectionKey({
  remoteAddress,
  remotePort,
  localAddress,
  localPort,
}: ConnectionEnds): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
