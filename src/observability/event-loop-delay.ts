import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { Gauge, type Registry } from "prom-client";

/** How often the event loop is looked at, in milliseconds: Node's default of 10 keeps an idle daemon awake. */
const lookMs = 100;

const figures: readonly (readonly [name: string, of: (delays: IntervalHistogram) => number])[] = [
  ["min", ({ min }) => min],
  ["max", ({ max }) => max],
  ["mean", ({ mean }) => mean],
  ["p50", (delays) => delays.percentile(50)],
  ["p90", (delays) => delays.percentile(90)],
  ["p99", (delays) => delays.percentile(99)],
];

/** What prom-client is told to look at instead: once in 24 days is never. */
export const neverLookMs = 2 ** 31 - 1;

/**
 * Puts its own `nodejs_eventloop_lag_{min,max,mean,p50,p90,p99}_seconds` in place of prom-client's: how much later than every
 * 100 ms the event loop came round since the last scrape; 0 when it did not yet.
 *
 * Node's histogram is of the time from one look to the next, and prom-client tells just that, so an idle loop would
 * seem to be 0.1 s late.
 * @returns what ends the looking
 */
export function measureEventLoopDelay(registry: Registry): () => void {
  const delays = monitorEventLoopDelay({ resolution: lookMs });
  delays.enable();
  const gauges = figures.map(([name, of]) => {
    const metric = `nodejs_eventloop_lag_${name}_seconds`;
    registry.removeSingleMetric(metric);
    const gauge = new Gauge({
      name: metric,
      help: `How late the event loop came round since the last scrape, looked at every ${lookMs} ms: ${name}.`,
      registers: [registry],
      // The first one that a scrape asks sets them all, since each scrape begins anew.
      ...(name === "min" && { collect: () => collect() }),
    });
    return { gauge, of };
  });
  registry.removeSingleMetric("nodejs_eventloop_lag_stddev_seconds");
  const collect = (): void => {
    for (const { gauge, of } of gauges)
      gauge.set(delays.count === 0 ? 0 : Math.max(0, of(delays) / 1e9 - lookMs / 1e3));
    delays.reset();
  };
  return () => delays.disable();
}
