import type { Endpoint } from "../config/endpoint.ts";

const PROBE_MS = 1_000;
const PROBE_BYTES_MAX = 64 * 1024;

/** What a reason of the library means, and what to look at; in this order, the first that fits. */
const meanings: readonly [pattern: RegExp, says: (endpoint: Endpoint) => string][] = [
  [
    /ECONNREFUSED/,
    () => "nothing listens there; is the session manager running, and is this its address?",
  ],
  [
    /Name resolution failed|ENOTFOUND|EAI_AGAIN/,
    ({ host }) => `no address is known for the host "${host}"; is its name right?`,
  ],
  [
    /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/,
    ({ host }) =>
      `there is no way to ${host}; is it up, and does a firewall let this port through?`,
  ],
  [
    /wrong version number|packet length too long|record layer failure|unknown protocol/,
    () => "this port speaks no TLS; without TLS its address begins with http://",
  ],
  [
    /before secure TLS connection/,
    () =>
      "it hung up during the TLS handshake; where it has no TLS its address begins with http://",
  ],
  [
    /altnames|ALTNAME/,
    ({ host }) => `its certificate is not one for ${host}; use a name that the certificate has`,
  ],
  [
    /alert (bad certificate|certificate required|handshake failure|unknown ca)|certificate required/i,
    () =>
      "it asks for another client certificate; name yours with FLAME_CERT_FILE and FLAME_KEY_FILE",
  ],
  [
    /self.signed|unable to (get|verify)|UNABLE_TO|certificate/i,
    () =>
      "its certificate is of no authority that is trusted here; name that with FLAME_CA_FILE or ca_file",
  ],
  [
    /^Failed to connect|Protocol error|HTTP_1_1_REQUIRED/,
    ({ secure }) =>
      secure
        ? "what answers there speaks no gRPC; is this the session manager's port?"
        : "what answers there speaks no gRPC without TLS; with TLS the address begins with https://",
  ],
];

/** Why there is no connection, in words; the library's own reason stands behind, without its dates and places in sources. */
export function connectFailureText(endpoint: Endpoint, reason: string): string {
  const found = meanings.find(([pattern]) => pattern.test(reason));
  const known = reason
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/, "")
    .replace(/^[0-9A-F]{8,}:error:[0-9A-F]+:SSL routines:[^:]*:([^:]*):.*$/s, "$1")
    .trim();
  const text = found === undefined ? known : `${found[1](endpoint)} (${known})`;
  return `failed to connect to ${endpoint.url}: ${text}`;
}

/** What kind of server a plain web request finds at an address where gRPC found none; undefined when none answers. */
export async function webServerAt(endpoint: Endpoint): Promise<string | undefined> {
  if (endpoint.secure) return undefined;
  try {
    const reply = await fetch(`${endpoint.url}/metrics`, { signal: AbortSignal.timeout(PROBE_MS) });
    const isOurs = reply.ok && /^# HELP flame_/m.test(await beginningOf(reply));
    return isOurs
      ? "this is the port of a Flame daemon's metrics"
      : "a web server answers on this port";
  } catch {
    return undefined;
  }
}

async function beginningOf(reply: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of reply.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > PROBE_BYTES_MAX) break;
  }
  return text;
}
