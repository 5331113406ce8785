import { type CpuSnapshot, cpuSnapshot, othersShare } from "./cpu.ts";
import type { House } from "./house.ts";
import type { Circumstances, NotReported, Result } from "./results.ts";
import {
  type Bench,
  type CpuByProcess,
  LeftOut,
  type Ready,
  type Row,
  type Sample,
} from "./row.ts";
import { median } from "./statistics.ts";

/** Above this share of all cores, other processes spoil a figure. */
export const disturbedAbove = 0.05;
const runsMost = 5;
/** As many runs as fit in it, at least one; with `--runs` as many as were asked for. */
const budgetMs = 60_000;

export interface RunOptions {
  /** Ids of rows to report. */
  readonly rows: ReadonlySet<string>;
  readonly quick: boolean;
  readonly runs: number | undefined;
  readonly evenIfDisturbed: boolean;
  readonly endpoint: string | undefined;
  readonly clusterPids: readonly number[];
  /** CPU times of the machine now. @default cpuSnapshot */
  readonly snapshot?: () => CpuSnapshot;
}

export interface Measured {
  readonly rows: readonly Result[];
  readonly circumstances: Readonly<Record<string, Circumstances>>;
  readonly notReported: readonly NotReported[];
  /** Some bench failed, which `notReported` tells, too. */
  readonly failed: boolean;
}

interface Run {
  readonly sample: Sample;
  readonly from: CpuSnapshot;
  readonly to: CpuSnapshot;
  /** CPU of processes of ours that ended meanwhile and that no parent of theirs counts. */
  readonly uncountedMs: number;
  readonly cpu: CpuByProcess | undefined;
}

/** Runs benches one after the other and gathers their rows. `tell` hears what happens. */
export async function measure(
  benches: readonly Bench[],
  house: House,
  options: RunOptions,
  tell: (line: string) => void,
): Promise<Measured> {
  const rows: Result[] = [];
  const circumstances: Record<string, Circumstances> = {};
  const notReported: NotReported[] = [];
  let failed = false;
  const leaveOut = (bench: Bench, why: string): void => {
    tell(`${bench.id}: ${why}`);
    for (const { id } of bench.rows) if (options.rows.has(id)) notReported.push({ id, why });
  };
  for (const bench of benches) {
    if (bench.needs === "own" && options.endpoint !== undefined) {
      leaveOut(bench, "left out: it needs a cluster of its own, and --endpoint names another one");
      continue;
    }
    // Nothing else of ours runs beside a cluster that a bench starts for itself.
    if (bench.needs === "own") await house.leaveCluster();
    try {
      tell(`${bench.id} ...`);
      const begun = performance.now();
      const runs = await runsOf(bench, house, options);
      const seconds = (performance.now() - begun) / 1000;
      tell(`${bench.id}: ${runs.length} measured in ${seconds.toFixed(1)} s`);
      const told = report(bench, runs, options, rows);
      rows.push(...told.rows);
      Object.assign(circumstances, told.circumstances);
      notReported.push(...told.notReported);
      for (const row of told.rows) tell(`  ${row.id}: ${row.median.toPrecision(4)} ${row.unit}`);
      for (const row of told.notReported) tell(`  ${row.id}: ${row.why}`);
    } catch (failure) {
      // Asked to stop: what fails now says nothing about a bench.
      if (house.isClosing) throw failure;
      const { message } = failure as Error;
      if (!(failure instanceof LeftOut)) failed = true;
      leaveOut(bench, failure instanceof LeftOut ? `left out: ${message}` : `failed: ${message}`);
    }
  }
  return { rows, circumstances, notReported, failed };
}

async function runsOf(bench: Bench, house: House, options: RunOptions): Promise<Run[]> {
  const ready = await bench.open(house);
  try {
    const most = options.runs ?? (options.quick ? 1 : runsMost);
    const runs: Run[] = [];
    const begun = performance.now();
    while (runs.length < most) {
      runs.push(await oneRun(ready, house, options.snapshot ?? cpuSnapshot));
      const taken = performance.now() - begun;
      if (options.runs === undefined && taken + taken / runs.length > budgetMs) break;
    }
    return runs;
  } finally {
    await ready.close();
  }
}

async function oneRun(ready: Ready, house: House, snapshot: () => CpuSnapshot): Promise<Run> {
  const uncounted = house.uncountedMs;
  const from = snapshot();
  const before = ready.cpu?.();
  const sample = await ready.once();
  const after = ready.cpu?.();
  const to = snapshot();
  const cpu =
    before === undefined || after === undefined || sample.tasks === undefined
      ? undefined
      : perTask(before, after, sample.tasks);
  return { sample, from, to, cpu, uncountedMs: house.uncountedMs - uncounted };
}

function perTask(before: CpuByProcess, after: CpuByProcess, tasks: number): CpuByProcess {
  const of = (who: keyof CpuByProcess): number => (1000 * (after[who] - before[who])) / tasks;
  return {
    manager: of("manager"),
    node: of("node"),
    services: of("services"),
    client: of("client"),
  };
}

/** Rows of the runs of a bench; `earlier` holds the unit. */
function report(
  bench: Bench,
  runs: readonly Run[],
  options: RunOptions,
  earlier: readonly Result[],
): Omit<Measured, "failed"> {
  const rows: Result[] = [];
  const circumstances: Record<string, Circumstances> = {};
  const notReported: NotReported[] = [];
  const otherCpu = othersOf(runs, options);
  const disturbed = otherCpu !== null && otherCpu > disturbedAbove;
  for (const row of bench.rows.filter(({ id }) => options.rows.has(id))) {
    const result = resultOf(row, runs);
    if (typeof result === "string") notReported.push({ id: row.id, why: `left out: ${result}` });
    else if (disturbed && !options.evenIfDisturbed) {
      const why = `disturbed: other processes took ${(100 * otherCpu).toFixed(1)} % of the CPU`;
      notReported.push({ id: row.id, why });
    } else {
      rows.push(result);
      const unit = [...earlier, result].find(({ id }) => id === "ppe");
      circumstances[row.id] = circumstancesOf(row, result, runs, { otherCpu, unit });
    }
  }
  return { rows, circumstances, notReported };
}

/** Null where the CPU of the measured cluster itself could be among that of others. */
function othersOf(runs: readonly Run[], options: RunOptions): number | null {
  if (options.endpoint !== undefined && options.clusterPids.length === 0) return null;
  let [others, all] = [0, 0];
  for (const { from, to, uncountedMs } of runs) {
    const total = to.total - from.total;
    others += total * othersShare(from, to, options.clusterPids, uncountedMs);
    all += total;
  }
  return all === 0 ? 0 : others / all;
}

function resultOf({ id, unit }: Row, runs: readonly Run[]): Result | string {
  const values = runs.flatMap(({ sample }) => sample.values[id] ?? []);
  if (values.length === 0) return runs[0]?.sample.leftOut?.[id] ?? "the cluster does not tell";
  const wrong = values.find((value) => !Number.isFinite(value));
  if (wrong !== undefined) throw new Error(`${id}: got ${wrong}, expected a finite figure`);
  return {
    id,
    unit,
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    runs: values.length,
  };
}

function circumstancesOf(
  row: Row,
  result: Result,
  runs: readonly Run[],
  { otherCpu, unit }: { otherCpu: number | null; unit: Result | undefined },
): Circumstances {
  const note = runs.at(-1)?.sample.note;
  const spent = runs.flatMap(({ cpu }) => cpu ?? []);
  const of = (who: keyof CpuByProcess): number => median(spent.map((one) => one[who]));
  return {
    otherCpu,
    ...(row.throughput === true &&
      unit !== undefined && { ratioToPpe: result.median / unit.median }),
    // Of the row of the tasks themselves; the others of a bench were measured in the same runs.
    ...(row.throughput === true &&
      spent.length > 0 && {
        cpuMicrosecondsPerTask: {
          manager: of("manager"),
          node: of("node"),
          services: of("services"),
          client: of("client"),
        },
      }),
    ...(note !== undefined && { note }),
  };
}
