import { FlameError } from "../model/errors.ts";

/** A parsed address such as `http://127.0.0.1:8080`. */
export interface Endpoint {
  /** Lower case, without `://`. */
  readonly scheme: string;
  /** A name or address; IPv6 without its brackets. */
  readonly host: string;
  readonly port: number;
  /** The canonical text: `scheme://host:port`, IPv6 in brackets. */
  readonly url: string;
  /** True for the schemes that mean TLS: https and grpcs. */
  readonly secure: boolean;
}

const ENDPOINT =
  /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(\[[0-9A-Fa-f:.]+\]|[^/:@?#[\]\s]+)(?::(\d{1,5}))?\/?$/;

/**
 * Parses `scheme://host[:port]`. A written port is kept, the scheme's own default (80, 443) included.
 * @throws FlameError invalid_config for anything else, naming the schemes that are accepted.
 */
export function parseEndpoint(
  text: string,
  schemes: readonly string[],
  defaultPort: number,
): Endpoint {
  const match = ENDPOINT.exec(text.trim());
  const scheme = match?.[1]?.toLowerCase() ?? "";
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  const host = match?.[2]?.replace(/^\[(.*)\]$/, "$1") ?? "";
  if (!schemes.includes(scheme) || port < 1 || port > 65535) {
    const forms = schemes.map((name) => `${name}://HOST:PORT`).join(" or ");
    throw new FlameError("invalid_config", `invalid endpoint: got "${text}", expected ${forms}`);
  }
  return endpointOf(scheme, host, port);
}

/** Builds an endpoint from its parts. */
export function endpointOf(scheme: string, host: string, port: number): Endpoint {
  return Object.freeze({
    scheme,
    host,
    port,
    url: `${scheme}://${hostText(host)}:${port}`,
    secure: scheme.endsWith("s"),
  });
}

/** A host as it stands in a url: IPv6 in brackets. */
export function hostText(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** True for localhost, 127.0.0.0/8 and ::1: what only this machine can reach. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/i.test(host);
}
