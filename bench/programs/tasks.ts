// A client of a session manager, timed at the client; told by its arguments, prints its outcome as one line of JSON.
//   tasks.mjs WORK ENDPOINT NUMBER ...
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { FlameClient, type Session } from "../../src/client/index.ts";
import { repeated } from "../../src/kit/repeated.ts";

const input = Buffer.from(JSON.stringify({ duration: null, memory: null }));
const warmUpTasks = 50;
const probePauseMs = 10;
const [what = "", endpoint = "", ...rest] = process.argv.slice(2);
const numbers = rest.map(Number);

/** So that the window of a load is what it asks for, not what the client allows unless told. */
const client = (atOnce = 512): FlameClient =>
  new FlameClient({ endpoint, createsMax: atOnce, watchesMax: atOnce, callTimeoutMs: 120_000 });

async function succeed(session: Session): Promise<void> {
  const task = await session.run(input);
  if (task.state !== "Succeed") throw new Error(`task ${task.id} ended as ${task.state}`);
}

async function warmedUp(one: FlameClient): Promise<Session> {
  const session = await one.createSession({ application: "flmping" });
  await Promise.all(Array.from({ length: warmUpTasks }, () => succeed(session)));
  return session;
}

/** One task after the other: the times of submit to result, in milliseconds. */
async function serial(count: number): Promise<unknown> {
  const session = await warmedUp(client());
  const times: number[] = [];
  for (let done = 0; done < count; done++) {
    const begun = performance.now();
    await succeed(session);
    times.push(performance.now() - begun);
  }
  await session.close();
  return { times };
}

/** Keeps `atOnce` tasks under way: results per second, for so long from when as many results have arrived. */
async function throughput(session: Session, atOnce: number, seconds: number): Promise<number> {
  const times: number[] = [];
  const until = (): number => (times[atOnce - 1] ?? Number.POSITIVE_INFINITY) + seconds * 1000;
  const work = async (): Promise<void> => {
    while (performance.now() < until()) {
      await succeed(session);
      times.push(performance.now());
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const end = until();
  return (times.filter((time) => time < end).length - atOnce) / seconds;
}

async function window(atOnce: number, seconds: number): Promise<unknown> {
  const session = await warmedUp(client(atOnce));
  const rate = await throughput(session, atOnce, seconds);
  await session.close();
  return { rate };
}

/** An open loop at half of what a closed one just reached; a task's time runs from when it was due. */
async function halfLoad(atOnce: number, seconds: number): Promise<unknown> {
  const session = await warmedUp(client(100_000));
  const most = await throughput(session, atOnce, seconds);
  const rate = Math.max(1, most / 2);
  const times: number[] = [];
  const under = new Set<Promise<void>>();
  const begun = performance.now();
  for (let submitted = 0; submitted < rate * seconds; ) {
    const due = Math.floor((rate * (performance.now() - begun)) / 1000);
    for (; submitted < due; submitted++) {
      const at = begun + (1000 * submitted) / rate;
      const task = succeed(session).then(() => {
        times.push(performance.now() - at);
        under.delete(task);
      });
      under.add(task);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(under);
  await session.close();
  return { rate, times };
}

/** Submits tasks that nobody runs: acknowledged submits per second. */
async function queue(count: number): Promise<unknown> {
  const one = client();
  // Opened by name: it is kept when this client is gone.
  const session = await one.openSession("bench-queue", { application: "flmping" });
  const begun = performance.now();
  await session.createMany(repeated(input, count), (_index, creation) => {
    if (creation.kind !== "created") throw creation.error;
  });
  return { rate: (1000 * count) / (performance.now() - begun), sessionId: session.id };
}

/** Whether the node has no executor, and a service of flmping waits for a session. */
async function rested(metrics: string): Promise<boolean> {
  const text = await (await fetch(metrics)).text();
  const executors = [...text.matchAll(/^flame_node_executors\{[^}]*\} (\d+)$/gm)];
  const busy = executors.some(([, count]) => count !== "0");
  return !busy && text.includes('flame_warm_services{application="flmping"} 1\n');
}

/** One session after the other: from its creation to its first result, in milliseconds. */
async function sessions(count: number, metrics: string): Promise<unknown> {
  const one = client();
  await one.getApplication("flmping");
  const times: number[] = [];
  for (let done = 0; done < count; done++) {
    while (!(await rested(metrics))) await new Promise((resolve) => setTimeout(resolve, 20));
    const begun = performance.now();
    const session = await one.createSession({ application: "flmping" });
    await succeed(session);
    times.push(performance.now() - begun);
    await session.close();
  }
  return { times };
}

/** How many tasks of a session wait. */
async function pending(sessionId: string): Promise<unknown> {
  const session = await client().getSession(sessionId);
  return { pending: session.pending };
}

/** Reads and writes, one after the other, until the standard input ends: their times, in milliseconds. */
async function probe(): Promise<unknown> {
  const one = client();
  const reads: number[] = [];
  const writes: number[] = [];
  process.stdin.resume();
  process.stdout.write("\n");
  const stopped = { is: false };
  void once(process.stdin, "end").then(() => {
    stopped.is = true;
  });
  const time = async <T>(times: number[], call: () => Promise<T>): Promise<T> => {
    const begun = performance.now();
    const answer = await call();
    times.push(performance.now() - begun);
    return answer;
  };
  // At least one, however short the load is.
  do {
    await time(reads, () => one.getApplication("flmping"));
    // A session without a task takes no executor from the load.
    const session = await time(writes, () => one.createSession({ application: "flmping" }));
    await session.close();
    await new Promise((resolve) => setTimeout(resolve, probePauseMs));
  } while (!stopped.is);
  return { reads, writes };
}

function outcome(): Promise<unknown> {
  const [first = 0, second = 0] = numbers;
  switch (what) {
    case "serial":
      return serial(first);
    case "window":
      return window(first, second);
    case "half-load":
      return halfLoad(first, second);
    case "queue":
      return queue(first);
    case "pending":
      return pending(rest[0] ?? "");
    case "sessions":
      return sessions(first, rest[1] ?? "");
    case "probe":
      return probe();
    default:
      throw new Error(`no such work: ${what}`);
  }
}

try {
  const told = await outcome();
  process.stdout.write(`${JSON.stringify(told)}\n`, () => process.exit(0));
} catch (failure) {
  process.stderr.write(`${(failure as Error).message}\n`, () => process.exit(1));
}
