import { join } from "node:path";
import { printedBy } from "../house/child.ts";
import { type ManagerAlone, processCpuMs } from "../house/cluster.ts";
import { memoryOf } from "../house/cpu.ts";
import type { House } from "../house/house.ts";
import type { Bench, Row, Sample } from "../house/row.ts";
import { environment } from "../house/scripts.ts";
import { median } from "../house/statistics.ts";

const clients = { processes: 2, connections: 4, atOnce: 64 };
const commands = 3;

const ms = (id: string, what: string, most?: number): Row => ({
  id: `registry_${id}`,
  unit: "ms",
  what,
  ...(most !== undefined && { target: { at: "most", value: most } }),
});

const rows: readonly Row[] = [
  ms("start", "start with 10,000 applications above the start without any, pair by pair", 200),
  {
    id: "registry_registers",
    unit: "calls/s",
    what: "RegisterApplication, 8 connections of two processes, each durable when it is answered",
    throughput: true,
    target: { at: "least", value: 3_000 },
  },
  ms("list_published", "ListApplication of `flame.v1`, 10,000 applications, at the client", 150),
  ms("list_brief", "Registry.List, brief, at the client", 150),
  ms("list", "Registry.List with manifests and field owners, at the client"),
  ms("apply", "Registry.Apply of 1,000 unchanged documents", 1_000),
  ms("saved", "a saved file of FLAME_HOME/conf/applications is live", 200),
  ms("flmctl_list", "`flmctl list app`, the whole command"),
  ms("flmctl_apply", "`flmctl apply -f` of 1,000 unchanged documents, the whole command"),
  ms("flmctl_version", "`flmctl --version`, the whole command"),
  {
    id: "registry_rss",
    unit: "MiB",
    what: "resident memory of the session manager at its highest",
    target: { at: "most", value: 512 },
  },
];

interface Sizes {
  readonly applications: number;
  readonly applied: number;
  readonly saves: number;
  readonly calls: number;
}

/** Registers all applications from several processes that begin together: registers per second. */
async function registerAll(
  house: House,
  { address }: ManagerAlone,
  applications: number,
): Promise<number> {
  const { processes, connections, atOnce } = clients;
  const share = applications / processes;
  const all = Array.from({ length: processes }, (_, index) =>
    house.client<{ from: number; to: number; answered: number }>(
      "registry",
      environment(),
      "register",
      address,
      index * share,
      share,
      connections,
      atOnce,
    ),
  );
  await Promise.all(all.map(({ begun }) => begun));
  for (const one of all) one.go();
  const told = await Promise.all(all.map(({ outcome }) => outcome));
  const answered = told.reduce((sum, one) => sum + one.answered, 0);
  if (answered !== applications)
    throw new Error(`${answered} of ${applications} registers were answered well`);
  const from = Math.min(...told.map((one) => one.from));
  const to = Math.max(...told.map((one) => one.to));
  return (1000 * applications) / Math.max(1, to - from);
}

/** The whole command, from the start of its process to its end, in the median of a few. */
async function command(
  prepared: string,
  { address, home }: ManagerAlone,
  ...args: string[]
): Promise<number> {
  const env = {
    ...environment(),
    FLAME_ENDPOINT: `http://${address}`,
    HOME: home,
    FLAME_HOME: home,
  };
  const times: number[] = [];
  for (let run = 0; run < commands; run++) {
    const begun = performance.now();
    const printed = await printedBy([join(prepared, "bin/flmctl"), ...args], env);
    if (printed === "") throw new Error(`flmctl ${args.join(" ")} printed nothing`);
    times.push(performance.now() - begun);
  }
  return median(times);
}

/** What clients wait for, and the CPU of the session manager for each call, as text. */
async function calls(house: House, manager: ManagerAlone, sizes: Sizes) {
  const { address, home } = manager;
  const cpu: string[] = [];
  const of = async (name: string, least: number, ...args: (string | number)[]): Promise<number> => {
    const before = processCpuMs(manager.pid);
    const client = house.client<{ times: number[]; items?: number }>(
      "registry",
      environment(),
      ...args,
    );
    const { times, items } = await client.outcome;
    if (items !== undefined && items < least)
      throw new Error(`${name}: got ${items} applications, expected at least ${least}`);
    const each = (processCpuMs(manager.pid) - before) / times.length;
    cpu.push(`${name} ${each.toFixed(each < 1 ? 2 : 0)} ms`);
    return median(times);
  };
  const { applications, applied, saves } = sizes;
  const file = join(home, "documents.yaml");
  await house.client("registry", environment(), "documents", address, file, applied).outcome;
  const values = {
    registry_list_published: await of(
      "ListApplication",
      applications,
      "list-published",
      address,
      sizes.calls,
    ),
    registry_list_brief: await of("brief", applications, "list-brief", address, sizes.calls),
    registry_list: await of("with manifests", applications, "list", address, sizes.calls),
    registry_apply: await of("Apply", applied, "apply", address, sizes.calls, applied),
    registry_saved: await of("saved", 0, "save", address, join(home, "conf/applications"), saves),
    registry_flmctl_list: await command(house.prepared, manager, "list", "app"),
    registry_flmctl_apply: await command(house.prepared, manager, "apply", "-f", file),
    registry_flmctl_version: await command(house.prepared, manager, "--version"),
  };
  return { values, cpu };
}

async function restart(manager: ManagerAlone): Promise<number> {
  const taken = await manager.start();
  await manager.stop();
  return taken;
}

async function once(house: House, empty: ManagerAlone, sizes: Sizes): Promise<Sample> {
  const plugins = [{ name: "application-directory" }];
  const { manager: full, close } = await house.managerAlone({ cluster: { plugins } });
  try {
    await full.start();
    const before = processCpuMs(full.pid);
    const rate = await registerAll(house, full, sizes.applications);
    const cpu = (processCpuMs(full.pid) - before) / sizes.applications;
    const first = memoryOf(full.pid).peak;
    await full.stop();
    // In turn, so that what else the machine does falls on both.
    const above = [await restart(full), -(await restart(empty))];
    const told = [
      `${sizes.applications.toLocaleString("en")} applications`,
      `CPU of the session manager: register ${cpu.toFixed(2)} ms`,
    ];
    await full.start();
    const called = await calls(house, full, sizes);
    const values = {
      registry_start: above.reduce((sum, one) => sum + one, 0),
      registry_registers: rate,
      ...called.values,
      registry_rss: Math.max(first, memoryOf(full.pid).peak),
    };
    return { values, note: [...told, ...called.cpu].join(", ") };
  } finally {
    await close();
  }
}

/** A registry with many applications, of clients in processes of their own. */
export const registry: Bench = {
  id: "registry",
  needs: "own",
  onlyWhenNamed: true,
  rows,
  open: async (house) => {
    const sizes = {
      applications: house.size(10_000, 100),
      applied: house.size(1_000, 20),
      saves: house.size(20, 2),
      calls: house.size(10, 2),
    };
    const plugins = [{ name: "application-directory" }];
    const { manager: empty, close } = await house.managerAlone({ cluster: { plugins } });
    await restart(empty);
    return { once: () => once(house, empty, sizes), close };
  },
};
