import { printedBy } from "../house/child.ts";
import type { Bench } from "../house/row.ts";

export const start: Bench = {
  id: "start",
  needs: "own",
  rows: [
    {
      id: "start",
      unit: "ms",
      what: "start of a session manager with its database in place and nothing else in it, exec to serving",
    },
  ],
  open: async (house) => {
    const { manager, close } = await house.managerAlone();
    const once = async () => {
      const ms = await manager.start();
      await manager.stop();
      return { values: { start: ms } };
    };
    // The first one makes the database.
    await once();
    return { once, close };
  },
};

export const flmctlList: Bench = {
  id: "flmctl_list",
  needs: "cluster",
  rows: [{ id: "flmctl_list", unit: "ms", what: "`flmctl list app`, the whole command" }],
  open: async (house) => {
    const cluster = await house.cluster();
    const once = async () => {
      const begun = performance.now();
      const printed = await printedBy([cluster.program("flmctl"), "list", "app"], cluster.env);
      if (!printed.includes("flmping")) throw new Error(`flmctl list app printed ${printed}`);
      return { values: { flmctl_list: performance.now() - begun } };
    };
    if (house.warms) await once();
    return { once, close: async () => undefined };
  },
};
