import { printedBy } from "../house/child.ts";
import { type BenchCluster, foreignCluster } from "../house/cluster.ts";
import type { House } from "../house/house.ts";
import type { Bench, Ready, Row } from "../house/row.ts";
import { quantile } from "../house/statistics.ts";

/** Rates by name, and times in milliseconds, of one run of bench/peers/measure.py. */
type Told = Readonly<Record<string, number | readonly number[]>>;

/** What bench/peers/works.py is to measure. */
interface Sizes {
  readonly serial: number;
  readonly calls: number;
  readonly args_1k: number;
  readonly args_100k: number;
  readonly objects_64m: number;
  readonly objects_small: number;
}

const full: Sizes = {
  serial: 1_000,
  calls: 5_000,
  args_1k: 2_000,
  args_100k: 500,
  objects_64m: 5,
  objects_small: 1_000,
};

const quick: Sizes = {
  serial: 20,
  calls: 50,
  args_1k: 20,
  args_100k: 5,
  objects_64m: 1,
  objects_small: 20,
};

/** Sizes divided by `less`, for what is that much slower. */
const sizesFor = (house: House, less = 1): Sizes =>
  Object.fromEntries(
    Object.entries(full).map(([name, size]) => {
      const small = quick[name as keyof Sizes];
      return [name, house.size(Math.max(small, Math.round(size / less)), small)];
    }),
  ) as unknown as Sizes;

/** One run of what needs no daemons of its own. */
export async function measured(
  house: House,
  peer: string,
  { python, env }: Pick<BenchCluster, "python" | "env">,
): Promise<Told> {
  const sizes = JSON.stringify(sizesFor(house));
  const command = [python, house.file("peers/measure.py"), peer, "measure", "-", sizes] as const;
  return JSON.parse(await printedBy(command, { ...env, PYTHONDONTWRITEBYTECODE: "1" })) as Told;
}

/** Values by the ids of rows: `peer_name`, and for times `peer_name_p50` and `peer_name_p99`. */
export function valuesOf(peer: string, told: Told): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [name, figure] of Object.entries(told)) {
    const id = `${peer}_${name}`;
    if (typeof figure === "number") values[id] = figure;
    else {
      values[`${id}_p50`] = quantile(figure, 0.5);
      values[`${id}_p99`] = quantile(figure, 0.99);
    }
  }
  return values;
}

export const count = (number: number): string => number.toLocaleString("en");

const callsNote = ({ serial, calls }: Sizes): string =>
  `${count(calls)} calls at once, ${count(serial)} one by one`;

const objectsNote = (sizes: Sizes): string =>
  `${count(sizes.args_1k)} calls with 1 kB, ${count(sizes.args_100k)} with 100 kB, ` +
  `${sizes.objects_64m} objects of 64 MiB, ${count(sizes.objects_small)} small ones`;

/** Rows of calls that run one after the other. */
const serialRows = (id: string, what: string): Row[] => [
  { id: `${id}_p50`, unit: "ms", what: `one ${what} after the other, with its result: p50` },
  { id: `${id}_p99`, unit: "ms", what: "the same: p99" },
];

export const bytesRows = (id: string, whose: string): Row[] => [
  {
    id: `${id}_1k`,
    unit: "calls/s",
    what: `1,000 random bytes to ${whose} and back, all submitted, then all results`,
  },
  { id: `${id}_100k`, unit: "calls/s", what: "the same with 100,000 bytes" },
];

const objectRows = (id: string, put: string, get: string): Row[] => [
  { id: `${id}_put_64m`, unit: "MB/s", what: `${put} of 64 MiB of random bytes, one by one` },
  { id: `${id}_get_64m`, unit: "MB/s", what: `${get} of the same, by the client that put it` },
  { id: `${id}_put_small`, unit: "objects/s", what: `${put} of 100 random bytes, one by one` },
  { id: `${id}_get_small`, unit: "objects/s", what: `${get} of the same` },
];

interface Peer {
  readonly id: string;
  /** As people call it. */
  readonly name: string;
  /** Its words for keeping and getting an object. */
  readonly put: string;
  readonly get: string;
  /** How much smaller than Ray's its sizes are. */
  readonly less: number;
}

function rowsOf({ id, name, put, get }: Peer): Row[] {
  const tasks = `${name} task of \`add(i, 2)\``;
  const actor = `call of one ${name} actor`;
  return [
    {
      id: `${id}_task_async`,
      unit: "calls/s",
      what: `${tasks}, all submitted, then all results, two workers`,
      throughput: true,
    },
    ...serialRows(`${id}_task_sync`, tasks),
    {
      id: `${id}_actor_async`,
      unit: "calls/s",
      what: `${actor}, all submitted, then all results`,
      throughput: true,
    },
    ...serialRows(`${id}_actor_sync`, actor),
    {
      id: `${id}_second_actor`,
      unit: "ms",
      what: `a ${name} actor beside another one, made until its first result`,
    },
    ...bytesRows(`${id}_task_args`, `a ${name} task`),
    ...objectRows(id, put, get),
  ];
}

async function open(house: House, { id, less }: Peer): Promise<Ready> {
  const { server, close } = await house.peer(id);
  const sizes = sizesFor(house, less);
  return {
    once: async () => {
      const values = valuesOf(id, await server.measure<Told>({ ...sizes }));
      return { values, note: `${callsNote(sizes)}, ${objectsNote(sizes)}` };
    },
    close,
  };
}

const bench = (peer: Peer): Bench => ({
  id: peer.id,
  family: "peers",
  needs: "peers",
  rows: rowsOf(peer),
  open: (house) => open(house, peer),
});

/** What Python itself has to offer, beside the row `ppe`. */
export const ppeCalls: Bench = {
  id: "ppe_calls",
  needs: "machine",
  rows: [
    ...serialRows("ppe_sync", "call of `ProcessPoolExecutor(2)`"),
    ...bytesRows("ppe_args", "`ProcessPoolExecutor(2)`"),
  ],
  open: async (house) => {
    const { python, env } = foreignCluster(house.prepared, "");
    return {
      once: async () => ({
        values: valuesOf("ppe", await measured(house, "pool", { python, env })),
      }),
      close: async () => undefined,
    };
  },
};

/** What people use in place of Flame, measured in the same run. */
export const peers: readonly Bench[] = [
  bench({ id: "ray", name: "Ray", put: "`ray.put`", get: "`ray.get`", less: 1 }),
  bench({ id: "dask", name: "Dask", put: "`scatter`", get: "`result`", less: 5 }),
];
