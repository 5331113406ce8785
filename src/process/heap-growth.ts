import { setFlagsFromString } from "node:v8";

/** How much the heap may grow over what is alive before the next full collection, in percent. */
const growthPercent = 25;

/**
 * Collects garbage when the heap has grown by a quarter over what is alive. Left to itself V8 lets it grow up to fourfold
 * while the machine has memory; a daemon has neighbours. It is no upper limit: nothing ends because of it.
 * Figures of memory are in docs/observability.md, "Memory"; what it costs in throughput was not measured apart.
 */
export function growHeapSlowly(): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`);
}
