import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { groupMemoryBytes } from "../process/process-facts.ts";
import type { ExecutorBook } from "./executor-book.ts";
import type { ExecutorMeter } from "./executor-meter.ts";
import type { WarmServices } from "./warm/warm-services.ts";

const bindBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 120];
const taskBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600];

/** Counts what executors do: docs/observability.md, "Executor manager". */
export class ExecutorMetrics implements ExecutorMeter {
  readonly #binds: Histogram;
  readonly #bindCodes: Counter;
  readonly #tasks: Histogram;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#binds = new Histogram({
      name: "flame_bind_seconds",
      help: "Time until a session was entered: package, start of the service, entering.",
      buckets: bindBuckets,
      registers,
    });
    this.#bindCodes = new Counter({
      name: "flame_binds_total",
      help: "Sessions entered, by return code: 0, 10 package, 11 start, 12 enter, 19 unknown.",
      labelNames: ["code"],
      registers,
    });
    this.#tasks = new Histogram({
      name: "flame_invoke_seconds",
      help: "Time of a task in its service, by outcome.",
      labelNames: ["outcome"],
      buckets: taskBuckets,
      registers,
    });
  }

  bound(seconds: number, returnCode: number): void {
    this.#binds.observe(seconds);
    this.#bindCodes.inc({ code: returnCode });
  }

  invoked(seconds: number, outcome: "succeed" | "failed" | "crashed"): void {
    this.#tasks.observe({ outcome }, seconds);
  }
}

/** Reads the executors of the node, by state, whenever somebody asks. */
export function watchExecutors(registry: Registry, book: ExecutorBook): void {
  const gauge: Gauge = new Gauge({
    name: "flame_node_executors",
    help: "Executors of this node, by state.",
    labelNames: ["state"],
    registers: [registry],
    collect: () => {
      gauge.reset();
      for (const state of ["idle", "binding", "bound", "unbinding"]) gauge.set({ state }, 0);
      for (const state of book.states) gauge.inc({ state });
    },
  });
}

/** Reads the services that wait for a session, and what they take, whenever somebody asks. */
export function watchWarm(registry: Registry, warm: WarmServices): void {
  const registers = [registry];
  const services: Gauge = new Gauge({
    name: "flame_warm_services",
    help: "Services that are started and wait for a session, by application.",
    labelNames: ["application"],
    registers,
    collect: () => {
      services.reset();
      for (const { application, groups } of warm.waiting)
        services.set({ application }, groups.length);
    },
  });
  const memory: Gauge = new Gauge({
    name: "flame_warm_services_memory_bytes",
    help: "Resident memory of all processes of the services that wait for a session, by application.",
    labelNames: ["application"],
    registers,
    collect: () => {
      memory.reset();
      for (const { application, groups } of warm.waiting)
        memory.set({ application }, groups.length === 0 ? 0 : groupMemoryBytes(new Set(groups)));
    },
  });
  const taken: Counter = new Counter({
    name: "flame_warm_services_taken_total",
    help: "Services that waited for a session and were given to one.",
    registers,
    collect: () => {
      taken.reset();
      taken.inc(warm.taken);
    },
  });
}
