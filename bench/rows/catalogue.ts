import type { Bench } from "../house/row.ts";
import { crowd } from "./crowd.ts";
import { flmpingStreams, flmpingStreamsWithoutStorage, flmpingUnary } from "./flmping-stream.ts";
import { flmpingSync, latencyHalfLoad } from "./latency.ts";
import { fsync, ppe } from "./machine.ts";
import { objectBenches, objectMemory } from "./objects.ts";
import { overload } from "./overload.ts";
import { peers, ppeCalls } from "./peers.ts";
import { pythonBenches } from "./python.ts";
import { pythonArgs } from "./python-args.ts";
import { queue } from "./queue.ts";
import { registry } from "./registry.ts";
import { scale } from "./scale.ts";
import { sessionBenches } from "./sessions.ts";
import { slowDisk } from "./slow-disk.ts";
import { flmctlList, start } from "./start.ts";

/** Every bench, in the order in which they run: those on one cluster together, then those that start their own. */
export const catalogue: readonly Bench[] = [
  fsync,
  ppe,
  ppeCalls,
  ...peers,
  flmpingSync,
  ...flmpingStreams,
  latencyHalfLoad,
  ...pythonBenches,
  pythonArgs,
  ...objectBenches,
  flmctlList,
  ...flmpingStreamsWithoutStorage,
  flmpingUnary,
  objectMemory,
  ...sessionBenches,
  queue,
  ...slowDisk,
  start,
  registry,
  ...scale,
  crowd,
  overload,
];
