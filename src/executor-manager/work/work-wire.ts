import type { Completion } from "../../protocol/generated/flame/stream/v1/nodes.ts";
import type { LocalQueue } from "./local-queue.ts";
import type { WorkLoad } from "./work-load.ts";

/** What a local queue asks of the stream of its node. */
export interface WorkWire {
  /** False while nothing can be said. */
  readonly isOpen: boolean;
  /** False while the session manager may have given what has not begun to others. */
  readonly isSure: boolean;
  readonly load: WorkLoad;
  /** @param behind how many tasks wait behind it; 0 where the service has some ahead, and so tells results together */
  complete(completion: Completion, behind: number): void;
  /** @param begun of those that are wanted back, the one that runs. @default none does */
  giveBack(executorId: string, leases: string[], begun?: string): void;
  /** Says the credit anew. */
  announce(queue: LocalQueue): void;
  /** Says what the task that runs waits for. */
  awaits(queue: LocalQueue): void;
  /** What the node holds in memory became more or less. */
  loadChanged(): void;
  detach(queue: LocalQueue): void;
}
