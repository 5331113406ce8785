import { memoryOf } from "../house/cpu.ts";
import type { Bench } from "../house/row.ts";
import { environment } from "../house/scripts.ts";

const roomTasks = 100;

/** Many tasks that nobody runs: a session manager without nodes. */
export const queue: Bench = {
  id: "queue_1m",
  needs: "own",
  rows: [
    {
      id: "queue_1m_submits",
      unit: "submits/s",
      what: "our TypeScript client on one stream, each task durable when it is acknowledged, no node there",
      throughput: true,
      target: { at: "least", value: 20_000 },
    },
    {
      id: "queue_1m_rss",
      unit: "MiB",
      what: "resident memory of the session manager with these tasks queued",
      target: { at: "most", value: 700 },
    },
    {
      id: "queue_1m_restart",
      unit: "ms",
      what: "its start with these tasks queued, exec to serving",
      target: { at: "most", value: 8_000 },
    },
  ],
  open: async (house) => ({
    once: async () => {
      // One session gets at most as many as are still free: half of all.
      const limits = { max_open_tasks: 2 * house.queued + roomTasks };
      const { manager, close } = await house.managerAlone({ cluster: { limits } });
      try {
        await manager.start();
        const endpoint = `http://${manager.address}`;
        const load = house.client<{ rate: number; sessionId: string }>(
          "tasks",
          environment(),
          "queue",
          endpoint,
          house.queued,
        );
        const { rate, sessionId } = await load.outcome;
        const { now } = memoryOf(manager.pid);
        await manager.stop();
        const restart = await manager.start();
        const asked = house.client<{ pending: number }>(
          "tasks",
          environment(),
          "pending",
          endpoint,
          sessionId,
        );
        const { pending } = await asked.outcome;
        if (pending !== house.queued)
          throw new Error(
            `${pending} tasks are queued after the restart, expected ${house.queued}`,
          );
        return {
          values: { queue_1m_submits: rate, queue_1m_rss: now, queue_1m_restart: restart },
          note: `with ${house.queued.toLocaleString("en")} tasks queued`,
        };
      } finally {
        await close();
      }
    },
    close: async () => undefined,
  }),
};
