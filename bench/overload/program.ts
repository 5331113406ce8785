// Puts one load on a running session manager and prints what came of it as JSON; told by its arguments.
import { once } from "node:events";
import process from "node:process";
import { FrontendService } from "../../src/protocol/generated/flame/v1/frontend.ts";
import { LoadClient, openSessions, Prober, queueTasks, registerApplications } from "./loads.ts";
import { NeverReads } from "./never-reads.ts";

const [what = "", address = "", ...numbers] = process.argv.slice(2);
const [first = 0, second = 0, third = 0] = numbers.map(Number);
const clients = (count: number): LoadClient[] =>
  Array.from({ length: count }, () => new LoadClient(address));

async function load(): Promise<unknown> {
  switch (what) {
    case "sessions":
      return openSessions(clients(4), "load", first);
    case "one-session":
      return openSessions(clients(1), "flood", 1);
    case "tasks":
      return queueTasks(clients(4), "load", { count: first, sessions: second });
    case "flood":
      return queueTasks(clients(1), "flood", { count: first, sessions: 1, concurrency: second });
    case "registers":
      return registerApplications(clients(1), "reg", {
        count: first,
        bytes: second,
        concurrency: third,
      });
    case "watchers": {
      const all = clients(third);
      for (let index = 0; index < first; index++) {
        const client = all[index % all.length] as LoadClient;
        client.watch(`load-${index % second}`, String(1 + Math.floor(index / second))).resume();
      }
      await finish();
      return {};
    }
    case "never-reads": {
      const silent = new NeverReads(address);
      for (let index = 0; index < first; index++) {
        const sessionId = `load-${index % second}`;
        silent.ask(FrontendService.watchTask, {
          sessionId,
          taskId: String(1 + Math.floor(index / second)),
        });
      }
      await finish();
      return {};
    }
    case "probe": {
      const [client] = clients(1) as [LoadClient];
      await openSessions([client], "probe", 1);
      const prober = new Prober(client, "probe-0");
      await finish();
      await prober.stop();
      return { times: prober.times, failures: prober.failures };
    }
    default:
      throw new Error(`no such load: ${what}`);
  }
}

/** Until whoever started this process says so on its standard input. */
async function finish(): Promise<void> {
  process.stdin.resume();
  process.stdout.write("\n");
  await once(process.stdin, "end");
}

const outcome = await load();
process.stdout.write(
  `${JSON.stringify(outcome, (_key, value: unknown) => (value instanceof Map ? Object.fromEntries(value as Map<string, unknown>) : value))}\n`,
  () => process.exit(0),
);
