// What is there beside the tasks that are measured; told by its arguments, says with its first line that it is there, and
// keeps it until its standard input ends.
import { once } from "node:events";
import process from "node:process";
import { AdminService } from "../../src/protocol/generated/flame/admin/v1/admin.ts";
import {
  LoadClient,
  type Outcome,
  openSessions,
  queueTasks,
  registerApplications,
} from "../overload/loads.ts";
import { ScriptedNodes } from "../scale/scripted-nodes.ts";

const [what = "", address = "", ...numbers] = process.argv.slice(2);
const [count = 0] = numbers.map(Number);
const clients = (many: number): LoadClient[] =>
  Array.from({ length: many }, () => new LoadClient(address));

const manifestBytes = 200;
const watchersOfConnection = 500;
/** A node takes 128 unless its cluster says otherwise. */
const executorsOfNode = 100;
const executorMemory = 1n << 20n;
/** More than any node has: such tasks stay Pending. */
const tooManyGpus = 1_000_000;
const pollMs = 20;
const withinMs = 120_000;

async function begin(): Promise<void> {
  switch (what) {
    case "sessions":
      expectAll(await openSessions(clients(4), "crowd", count), count);
      return;
    case "applications": {
      const load = { count, bytes: manifestBytes };
      expectAll(await registerApplications(clients(1), "crowd", load), count);
      return;
    }
    case "executors":
      return executors();
    case "watchers":
      return watchers();
    default:
      throw new Error(`expected sessions, applications, executors or watchers, got ${what}`);
  }
}

function expectAll({ answered, refused }: Outcome, wanted: number): void {
  if (answered !== wanted)
    throw new Error(`${answered} of ${wanted} calls answered, refused: ${[...refused].join("; ")}`);
}

async function reached(what: string, now: () => Promise<number> | number): Promise<void> {
  const until = Date.now() + withinMs;
  for (let found = await now(); found < count; found = await now()) {
    if (Date.now() > until) throw new Error(`${found} of ${count} ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Nodes with room for just these executors, which one session keeps. */
async function executors(): Promise<void> {
  const each = Math.min(count, executorsOfNode);
  const many = Math.ceil(count / each);
  const nodes = new ScriptedNodes(address, { count: many, cpu: BigInt(each), gpu: each });
  await nodes.start(many);
  const resreq = { cpu: 1n, memory: executorMemory, gpu: 1 };
  const load = { minInstances: count, resreq };
  expectAll(await openSessions(clients(1), "crowd-kept", 1, load), 1);
  await reached("executors are bound", () => nodes.bound);
}

/** Watches of tasks that stay Pending. */
async function watchers(): Promise<void> {
  const resreq = { cpu: 1n, memory: executorMemory, gpu: tooManyGpus };
  expectAll(await openSessions(clients(1), "crowd-waits", 1, { resreq }), 1);
  expectAll(await queueTasks(clients(1), "crowd-waits", { count, sessions: 1 }), count);
  const all = clients(Math.ceil(count / watchersOfConnection));
  for (let index = 0; index < count; index++)
    all[index % all.length]?.watch("crowd-waits-0", String(index + 1)).resume();
  const [one] = all;
  const opened = async (): Promise<number> => {
    const { queues = [] } = (await one?.call(AdminService.viewCluster, {})) ?? {};
    return Number(queues.find(({ name }) => name === "task watchers")?.size ?? 0);
  };
  await reached("watches are open", opened);
}

await begin();
process.stdout.write("\n");
process.stdin.resume();
await once(process.stdin, "end");
process.stdout.write("{}\n", () => process.exit(0));
