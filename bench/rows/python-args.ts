import { cpuReader } from "../house/cluster.ts";
import type { Bench, Row } from "../house/row.ts";
import { bytesRows, measured, valuesOf } from "./peers.ts";

const id = "python_args";
/** Multiples of a Ray task of the same run. */
const least: Readonly<Record<string, number>> = { "1k": 1, "100k": 0.3 };

const withTarget = (row: Row): Row => {
  const size = row.id.slice(id.length + 1);
  return {
    ...row,
    target: { at: "least", value: least[size] ?? 0, of: `ray_task_args_${size}` },
  };
};

/** Bytes that flamepy takes to a function and back. */
export const pythonArgs: Bench = {
  id,
  family: "python",
  needs: "cluster",
  rows: bytesRows(id, "a function of flamepy's session").map(withTarget),
  open: async (house) => {
    const cluster = await house.cluster();
    const once = async () => ({
      values: valuesOf("python", await measured(house, "flamepy", cluster)),
    });
    if (house.warms) await once();
    return { once, ...cpuReader(cluster), close: async () => undefined };
  },
};
