import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ClusterConfig } from "../config/cluster-config.ts";
import { hostText, isLoopback } from "../config/endpoint.ts";
import type { Logger } from "../kit/logger.ts";
import { codeOf, textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import { measureEventLoopDelay, neverLookMs } from "./event-loop-delay.ts";

/** The daemons that have metrics, by the configuration key of their port. */
const portKeys = {
  sessionManagerPort: "metrics.session_manager_port",
  executorManagerPort: "metrics.executor_manager_port",
  objectCachePort: "metrics.object_cache_port",
} as const;

interface MetricsDeps {
  /** Such as `flame-session-manager`. */
  readonly daemon: string;
  readonly version: string;
  readonly settings: ClusterConfig["metrics"];
  /** Which of the ports is the daemon's. */
  readonly port: keyof typeof portKeys;
  readonly logger: Logger;
}

/** The metrics of one daemon, and where they can be read. */
class DaemonMetrics {
  readonly registry = new Registry();
  readonly #deps: MetricsDeps;
  #server: Server | undefined;
  #endLooking: () => void = () => undefined;

  constructor(deps: MetricsDeps) {
    this.#deps = deps;
    const { daemon, version } = deps;
    const build = new Gauge({
      name: "flame_build_info",
      help: "Always 1; the labels say which daemon of which version this is.",
      labelNames: ["daemon", "version"],
      registers: [this.registry],
    });
    build.set({ daemon, version }, 1);
  }

  /**
   * Serves `GET /metrics`.
   * @returns the url; undefined when the configuration switches metrics off.
   * @throws FlameError invalid_config when the address is taken or not ours.
   */
  async listen(): Promise<string | undefined> {
    const { settings, logger } = this.#deps;
    const { enabled, listenHost } = settings;
    const port = settings[this.#deps.port];
    if (!enabled) return undefined;
    // Of the process: memory, CPU, file descriptors, garbage collection.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: neverLookMs });
    this.#endLooking = measureEventLoopDelay(this.registry);
    const server = createServer((request, response) => {
      const { host = "" } = request.headers;
      if (isLoopback(listenHost) && !isLoopback(hostOf(host))) {
        misdirected(response, host);
        return;
      }
      const isRead = request.method === "GET" || request.method === "HEAD";
      if (isRead && request.url?.split("?")[0] === "/metrics") void this.#answer(response);
      else response.writeHead(404, { "content-type": "text/plain" }).end("try GET /metrics\n");
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(cannotListen(error, this.#deps)));
      server.listen({ host: listenHost, port }, resolve);
    });
    this.#server = server;
    const bound = (server.address() as AddressInfo).port;
    const url = `http://${hostText(listenHost)}:${bound}/metrics`;
    logger.info({ metrics: url }, "metrics are served");
    return url;
  }

  /** Stops serving. Idempotent. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#endLooking();
    this.registry.clear();
    if (server === undefined) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  async #answer(response: ServerResponse): Promise<void> {
    try {
      const text = await this.registry.metrics();
      response.writeHead(200, { "content-type": this.registry.contentType }).end(text);
    } catch (thrown) {
      this.#deps.logger.warn({ reason: textOf(thrown) }, "the metrics could not be collected");
      response.writeHead(500, { "content-type": "text/plain" }).end("see the daemon's log\n");
    }
  }
}

/** Of `127.0.0.1:9101`, `[::1]:9101`, `localhost`. */
const hostOf = (header: string): string => header.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");

/**
 * A page of another site reads what is on loopback by a name of its own that it has its resolver answer with a loopback address
 * (DNS rebinding); the browser sends that name. RFC 9110, 15.5.20.
 */
function misdirected(response: ServerResponse, host: string): void {
  response
    .writeHead(421, { "content-type": "text/plain" })
    .end(`got Host "${host}", expected localhost or a loopback address: metrics.listen is one\n`);
}

/**
 * Starts a daemon with metrics: served before it starts, so that its start can be seen, and until it has ended.
 * @param start makes the daemon; what it counts goes into the registry
 * @throws whatever `start` throws, and what {@link DaemonMetrics.listen} does
 */
export async function withMetrics<T extends { close(): Promise<void> }>(
  deps: MetricsDeps,
  start: (registry: Registry) => Promise<T>,
): Promise<T & { readonly metrics?: string }> {
  const metrics = new DaemonMetrics(deps);
  const url = await metrics.listen();
  try {
    const daemon = await start(metrics.registry);
    const close = async (): Promise<void> => {
      try {
        await daemon.close();
      } finally {
        await metrics.close();
      }
    };
    return { ...daemon, ...(url !== undefined && { metrics: url }), close };
  } catch (thrown) {
    await metrics.close();
    throw thrown;
  }
}

function cannotListen(error: Error, { daemon, settings, port: which }: MetricsDeps): FlameError {
  const { listenHost, [which]: port } = settings;
  const portKey = portKeys[which];
  const taken = codeOf(error) === "EADDRINUSE";
  const why = taken ? "the port is taken" : error.message;
  const advice = taken
    ? `another program listens there; stop it, or change ${portKey} (0: any free port)`
    : `check metrics.listen and ${portKey}`;
  return new FlameError(
    "invalid_config",
    `the metrics of ${daemon} cannot listen on ${hostText(listenHost)}:${port}: ${why}; ${advice}`,
    { cause: error },
  );
}
