import { Metadata } from "@grpc/grpc-js";
import packageFile from "../../../package.json" with { type: "json" };
import type { NodePush } from "../../executors/node-book.ts";
import { FlameError } from "../../model/errors.ts";
import type { BackendServer, WatchNodeRequest } from "../../protocol/generated/flame/v1/backend.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";
import { executorToWire, nodeReportFromWire } from "../../protocol/record-wire.ts";
import { versionKey } from "../../protocol/version-key.ts";
import type { Engine } from "../engine/engine.ts";
import type { Pending } from "../engine/engine-door.ts";
import { nodeCallerOf } from "./node-caller.ts";

/**
 * WatchNode: the first heartbeat names the node, each is acknowledged, executors to make or forget are pushed
 * (docs/protocol.md, "WatchNode").
 */
export function nodeStream(deps: {
  readonly engine: Engine;
  readonly now: () => number;
}): BackendServer["watchNode"] {
  const { engine, now } = deps;
  return (call) => {
    // The published executor manager sends nothing before it has the response headers.
    const headers = new Metadata();
    headers.set(versionKey, packageFile.version);
    call.sendMetadata(headers);
    const caller = nodeCallerOf(call);
    let stream: Pending | undefined;
    let ended = false;
    const end = (error?: FlameError): void => {
      if (ended) return;
      ended = true;
      if (error === undefined) call.end();
      else call.emit("error", statusOf(error));
    };
    const sink = {
      push: ({ executor, released }: NodePush) => {
        if (!ended)
          call.write({
            response: { $case: "executor", value: executorToWire(executor, released) },
          });
      },
      end,
    };
    call.on("data", ({ heartbeat }: WatchNodeRequest) => {
      if (heartbeat === undefined || ended) return;
      try {
        const report = nodeReportFromWire(heartbeat.nodeName, heartbeat.status);
        if (stream === undefined) stream = engine.stream("node.watch", { report, caller }, sink);
        else beat(engine, stream, report);
      } catch (thrown) {
        stream?.cancel();
        end(FlameError.from(thrown));
        return;
      }
      call.write({
        response: { $case: "ack", value: { timestamp: BigInt(Math.floor(now() / 1000)) } },
      });
    });
    const gone = (): void => {
      stream?.cancel();
      end();
    };
    call.on("end", gone);
    call.on("cancelled", gone);
    call.on("error", gone);
  };
}

function beat(
  engine: Engine,
  stream: Pending,
  report: ReturnType<typeof nodeReportFromWire>,
): void {
  // Nobody waits for the reply: the acknowledgement says only that the heartbeat arrived.
  engine.call(
    "node.beat",
    { stream: stream.token, report },
    () => undefined,
    () => undefined,
  );
}
