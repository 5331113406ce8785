import { FlameError } from "../model/errors.ts";

/** Where a Frontend listens. */
export interface Endpoint {
  /** The endpoint as it was written, for messages. */
  readonly url: string;
  /** `host:port`, an IPv6 host in brackets: the form gRPC takes. */
  readonly target: string;
  /** True for https. */
  readonly secure: boolean;
}

const DEFAULT_FRONTEND_PORT = 8080;
const ENDPOINT =
  /^(?:(?<scheme>[a-z][a-z0-9+.-]*):\/\/)?(?<host>\[[^\]]+\]|[^/:?#[\]]+)(?::(?<port>\d{1,5}))?\/?$/i;

/**
 * Reads `http://host:port` or `https://host:port`; the port defaults to 8080 whatever the scheme,
 * and a written port counts even when it is the scheme's own (docs/protocol.md, "Listening").
 * @throws FlameError invalid_config for anything else.
 */
export function parseEndpoint(url: string): Endpoint {
  const groups = ENDPOINT.exec(url.trim())?.groups;
  const scheme = (groups?.["scheme"] ?? "http").toLowerCase();
  const port = Number(groups?.["port"] ?? DEFAULT_FRONTEND_PORT);
  const host = groups?.["host"];
  if (host === undefined || port < 1 || port > 65_535 || !["http", "https"].includes(scheme)) {
    throw new FlameError(
      "invalid_config",
      `invalid cluster endpoint: got "${url}", expected http://HOST:PORT or https://HOST:PORT`,
    );
  }
  return { url, target: `${host}:${port}`, secure: scheme === "https" };
}
