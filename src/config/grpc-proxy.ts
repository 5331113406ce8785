import { isLoopback } from "./endpoint.ts";
import { type Env, envValue, readEnv } from "./env.ts";

/** Hosts by which a machine dials itself, beside the loopback addresses. */
const OWN_MACHINE = new Set(["0.0.0.0", "::"]);

/** In the order in which the gRPC library looks at them, whatever the scheme of the endpoint. */
const PROXY_VARIABLES = ["grpc_proxy", "https_proxy", "http_proxy"];
const DIRECT_VARIABLES = ["no_grpc_proxy", "no_proxy"];

/** A proxy that the environment names for gRPC connections. */
export interface GrpcProxy {
  /** The variable that names it. */
  readonly variable: string;
  /** Without user and password. */
  readonly url: string;
}

/**
 * The proxy through which the gRPC library dials a host; undefined when it is dialled directly. A machine's own
 * addresses always are: whoever sets a proxy for the company's network seldom sets `no_proxy` too, and no proxy can
 * reach them. For every other host this is the library's own rule.
 * @param env the process's own environment, unless a test hands in another: the library reads nothing else
 */
export function grpcProxy(host: string, env: Env = readEnv()): GrpcProxy | undefined {
  if (isLoopback(host) || OWN_MACHINE.has(host)) return undefined;
  const variable = PROXY_VARIABLES.find((name) => envValue(env, name) !== undefined);
  if (variable === undefined) return undefined;
  const text = env[variable] ?? "";
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  // The library says that it cannot use these, and dials directly.
  if (proxy?.protocol !== "http:") return undefined;
  if (directHosts(env).some((listed) => isListed(host, listed))) return undefined;
  return { variable, url: `http://${proxy.hostname}:${proxy.port === "" ? "80" : proxy.port}` };
}

/** What stands behind the text of a failure: ` through the proxy "http://proxy:3128" of https_proxy`; empty without a proxy. */
export function proxyText(host: string): string {
  const proxy = grpcProxy(host);
  return proxy === undefined ? "" : ` through the proxy "${proxy.url}" of ${proxy.variable}`;
}

function directHosts(env: Env): string[] {
  const variable = DIRECT_VARIABLES.find((name) => envValue(env, name) !== undefined);
  return variable === undefined ? [] : (env[variable] ?? "").split(",");
}

function isListed(host: string, listed: string): boolean {
  return host.endsWith(listed) || isInNetwork(host, listed);
}

/** True for `10.1.2.3` in `10.0.0.0/8`. */
function isInNetwork(host: string, network: string): boolean {
  const [address = "", length, ...more] = network.split("/");
  const bits = Number.parseInt(length ?? "", 10);
  const hostNumber = ipv4(host);
  const networkNumber = ipv4(address);
  if (hostNumber === undefined || networkNumber === undefined || more.length > 0) return false;
  if (Number.isNaN(bits) || bits < 0 || bits > 32) return false;
  const size = 2 ** (32 - bits);
  return Math.floor(hostNumber / size) === Math.floor(networkNumber / size);
}

function ipv4(text: string): number | undefined {
  const parts = text.split(".").map(Number);
  const valid = parts.length === 4 && parts.every((part) => part >= 0 && part <= 255);
  return valid ? parts.reduce((number, part) => number * 256 + part, 0) : undefined;
}
