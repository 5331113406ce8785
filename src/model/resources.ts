import { FlameError } from "./errors.ts";

/** What one executor needs, or what a node offers. */
export interface Resources {
  /** Whole CPUs. */
  readonly cpu: number;
  /** Bytes. */
  readonly memory: number;
  /** Whole GPUs. */
  readonly gpu: number;
}

export const noResources: Resources = Object.freeze({ cpu: 0, memory: 0, gpu: 0 });

/** What a session gets when neither it nor `cluster.resreq` says otherwise (docs/protocol.md, "Sessions"). */
export const defaultResreq: Resources = Object.freeze({ cpu: 1, memory: 1024 ** 3, gpu: 0 });

/** The most that a field can hold: further on numbers lose digits, or do not fit into a column of the database. */
const fieldMax: Resources = { cpu: 2 ** 31 - 1, memory: Number.MAX_SAFE_INTEGER, gpu: 2 ** 31 - 1 };

/**
 * Resources of numbers that came from outside; `where` is the name of the whole in the fault.
 * @throws FlameError invalid_argument naming the field that nothing can hold.
 */
export function checkedResources(
  given: Readonly<Record<keyof Resources, number | bigint>>,
  where: string,
): Resources {
  for (const field of ["cpu", "memory", "gpu"] as const) {
    if (given[field] >= 0 && given[field] <= fieldMax[field]) continue;
    throw new FlameError(
      "invalid_argument",
      `invalid ${where}: got ${field} ${given[field]}, expected 0 to ${fieldMax[field]}`,
    );
  }
  return { cpu: Number(given.cpu), memory: Number(given.memory), gpu: Number(given.gpu) };
}

export function sameResources(a: Resources, b: Resources): boolean {
  return a.cpu === b.cpu && a.memory === b.memory && a.gpu === b.gpu;
}

/** Text that is the same for the same resources, to find them by; people read {@link formatResources}, which rounds. */
export function resourcesKey({ cpu, memory, gpu }: Resources): string {
  return `${cpu} ${memory} ${gpu}`;
}

export function addResources(a: Resources, b: Resources): Resources {
  return { cpu: a.cpu + b.cpu, memory: a.memory + b.memory, gpu: a.gpu + b.gpu };
}

export function subtractResources(a: Resources, b: Resources): Resources {
  return { cpu: a.cpu - b.cpu, memory: a.memory - b.memory, gpu: a.gpu - b.gpu };
}

/** True when `need` fits into `room` in every field. */
export function fits(need: Resources, room: Resources): boolean {
  return need.cpu <= room.cpu && need.memory <= room.memory && need.gpu <= room.gpu;
}

/** `cpu=1,mem=1Gi,gpu=0`: the form that tools print. */
export function formatResources(r: Resources): string {
  return `cpu=${r.cpu},mem=${formatMemory(r.memory)},gpu=${r.gpu}`;
}

/** Integer division to the largest of Gi, Mi, Ki that is not zero; plain bytes below. */
export function formatMemory(bytes: number): string {
  const units: [number, string][] = [
    [1024 ** 3, "Gi"],
    [1024 ** 2, "Mi"],
    [1024, "Ki"],
  ];
  for (const [size, unit] of units) {
    if (bytes >= size) return `${Math.floor(bytes / size)}${unit}`;
  }
  return `${bytes}B`;
}

const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:b|i|ib)?$/i;
const POWERS: Record<string, number> = { "": 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * Bytes of a size such as `512`, `1.5g`, `2Gi`, `64MiB`; every suffix is a power of 1024.
 * @throws FlameError invalid_argument for anything else.
 */
export function parseSize(text: string): number {
  const match = SIZE.exec(text.trim());
  const power = POWERS[match?.[2]?.toLowerCase() ?? ""];
  if (match === null || power === undefined) {
    throw new FlameError(
      "invalid_argument",
      `invalid size: got "${text}", expected digits with an optional suffix k, m, g, t or p (powers of 1024), such as 512m`,
    );
  }
  return Math.floor(Number(match[1]) * 1024 ** power);
}

/**
 * Reads `cpu=N,mem=SIZE,gpu=N`: any subset of the keys in any order, keys in any case, what is missing is 0.
 * @throws FlameError invalid_argument naming the entry that is wrong, or the field that nothing can hold.
 */
export function parseResources(text: string): Resources {
  const found: { cpu?: number; memory?: number; gpu?: number } = {};
  const fault = (entry: string): FlameError =>
    new FlameError(
      "invalid_argument",
      `invalid resource requirement "${text}": got "${entry}", expected entries such as cpu=1,mem=1g,gpu=0`,
    );
  for (const entry of text.split(",")) {
    const [rawKey = "", rawValue = "", ...rest] = entry.split("=");
    const key = rawKey.trim().toLowerCase();
    const value = rawValue.trim();
    if (rest.length > 0 || value === "") throw fault(entry);
    if (key === "cpu" || key === "gpu") {
      if (!/^\d+$/.test(value)) throw fault(entry);
      found[key] = Number(value);
    } else if (key === "mem" || key === "memory") {
      found.memory = parseSize(value);
    } else {
      throw fault(entry);
    }
  }
  return checkedResources(
    { cpu: found.cpu ?? 0, memory: found.memory ?? 0, gpu: found.gpu ?? 0 },
    `resource requirement "${text}"`,
  );
}
