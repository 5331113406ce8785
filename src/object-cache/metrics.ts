import { Counter, Gauge, type Registry } from "prom-client";
import type { CacheMeter } from "./cache-meter.ts";
import type { ObjectCache } from "./object-cache.ts";
import type { TransferBudget } from "./transfer-budget.ts";

/** Counts what the cache does: docs/observability.md, "Object cache". */
export class CacheMetrics implements CacheMeter {
  readonly #stored: Counter;
  readonly #storedBytes: Counter;
  readonly #gets: Counter;
  readonly #reads: Counter;
  readonly #readBytes: Counter;
  readonly #deleted: Counter;

  constructor(registry: Registry) {
    const counter = (name: string, help: string, ...labelNames: string[]): Counter =>
      new Counter({ name, help, labelNames, registers: [registry] });
    this.#stored = counter("flame_cache_stored_total", "Puts and patches.", "operation");
    this.#storedBytes = counter("flame_cache_stored_bytes_total", "Bytes of puts and patches.");
    this.#gets = counter("flame_cache_gets_total", "Gets, by what was answered.", "answer");
    this.#reads = counter(
      "flame_cache_reads_total",
      "Pieces of objects that were read: from memory (hits), or from the store (misses).",
      "from",
    );
    this.#readBytes = counter("flame_cache_read_bytes_total", "Bytes of these.", "from");
    this.#deleted = counter("flame_cache_deleted_total", "Deleted objects.");
  }

  stored(operation: "put" | "patch", bytes: number): void {
    this.#stored.inc({ operation });
    this.#storedBytes.inc(bytes);
  }

  viewed(answer: "unchanged" | "table" | "full" | "patches" | "missing"): void {
    this.#gets.inc({ answer });
  }

  read(from: "memory" | "store", bytes: number): void {
    this.#reads.inc({ from });
    this.#readBytes.inc({ from }, bytes);
  }

  deleted(objects: number): void {
    this.#deleted.inc(objects);
  }
}

/** Reads what the cache holds whenever somebody asks. */
export function watchCache(registry: Registry, cache: ObjectCache): void {
  watch(registry, "flame_cache_objects", "Objects in the cache.", () => cache.usage.objects);
  watch(registry, "flame_cache_bytes", "Bytes in the store.", () => cache.usage.storedBytes);
  const inMemory = (): number => cache.usage.memoryBytes;
  watch(registry, "flame_cache_memory_bytes", "Bytes in memory, above it.", inMemory);
}

/** Reads what is being received and sent whenever somebody asks. */
export function watchTransfers(registry: Registry, budget: TransferBudget): void {
  const held = "Bytes of objects in memory that are being received or sent.";
  watch(registry, "flame_cache_transfer_bytes", held, () => budget.heldBytes);
  const waiting = "Puts and gets that wait for others.";
  watch(registry, "flame_cache_transfers_waiting", waiting, () => budget.waiting);
}

function watch(registry: Registry, name: string, help: string, read: () => number): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    registers: [registry],
    collect: () => gauge.set(read()),
  });
}
