import type {
  AwaitingTask,
  Completion,
  Ready,
} from "../../protocol/generated/flame/stream/v1/nodes.ts";
import type { WorkLoad } from "./work-load.ts";

/** A local queue, as the stream of its node tells the session manager of it. */
export interface ToldQueue {
  readonly executorId: string;
  /** `told`: what the task that runs waits for, when the session manager is to know. */
  readonly nestedWait: { readonly told: AwaitingTask | undefined };
  /** Its credit, and what it holds. */
  ready(): Ready;
}

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
  announce(queue: ToldQueue): void;
  /** Says what the task that runs waits for. */
  awaits(queue: ToldQueue): void;
  /** What the node holds in memory became more or less. */
  loadChanged(): void;
  detach(queue: ToldQueue): void;
}
