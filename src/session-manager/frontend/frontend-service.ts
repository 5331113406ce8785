import type { Admission } from "../../application-registry/admission.ts";
import type { NodeRecord } from "../../model/node.ts";
import type { FrontendServer } from "../../protocol/generated/flame/v1/frontend.ts";
import type { Node } from "../../protocol/generated/flame/v1/types.ts";
import { executorToWire, nodeToWire } from "../../protocol/record-wire.ts";
import type { Store } from "../../storage/store.ts";
import type { NodeSpeakers } from "../backend/node-speakers.ts";
import { doorOf, unary } from "../calls/call-helpers.ts";
import type { ReplyHold } from "../calls/reply-hold.ts";
import type { Engine } from "../engine/engine.ts";
import type { Payloads } from "../engine/payloads.ts";
import type { FinishedTasks } from "../storage/finished-tasks.ts";
import type { StoreCleaner } from "../storage/store-cleaner.ts";
import { applicationCalls } from "./application-calls.ts";
import type { ListSizes } from "./list-sizes.ts";
import { sessionCalls } from "./session-calls.ts";
import { taskCalls } from "./task-calls.ts";

export interface FrontendDeps {
  readonly engine: Engine;
  readonly payloads: Payloads;
  readonly store: Store;
  readonly cleaner: StoreCleaner;
  readonly finished: FinishedTasks;
  readonly admission: Admission;
  readonly replies: ReplyHold;
  readonly sizes: ListSizes;
  readonly speakers: NodeSpeakers;
}

/** `flame.v1.Frontend`: what clients call. */
export function frontendService(deps: FrontendDeps): FrontendServer {
  const { engine, speakers } = deps;
  const shown = (node: NodeRecord): Node => nodeToWire(node, speakers.warningOf(node.name));
  return {
    ...applicationCalls(deps),
    ...sessionCalls(deps),
    ...taskCalls(deps),
    listExecutor: unary(async (_request, call) => ({
      executors: (await doorOf(engine, call).ask("executor.list", {})).map((record) =>
        executorToWire(record),
      ),
    })),
    listNodes: unary(async (_request, call) => ({
      nodes: (await doorOf(engine, call).ask("node.list", {})).map(shown),
    })),
    getNode: unary(async ({ name }, call) => ({
      node: shown(await doorOf(engine, call).ask("node.get", { name })),
    })),
  };
}
