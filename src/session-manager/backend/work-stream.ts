import { Metadata, type ServerDuplexStream } from "@grpc/grpc-js";
import { type Logger, tellsDebug } from "../../kit/logger.ts";
import { FlameError } from "../../model/errors.ts";
import {
  type Bind,
  Hello,
  type NodesServer,
  type WorkRequest,
  type WorkResponse,
} from "../../protocol/generated/flame/stream/v1/nodes.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";
import { identityOf } from "../../security/authentication.ts";
import type { RequestTrail } from "../calls/request-trail.ts";
import type { Engine } from "../engine/engine.ts";
import type { Pending } from "../engine/engine-door.ts";
import type { Payloads } from "../engine/payloads.ts";
import type { NodeLogs } from "../logs/node-logs.ts";
import type { NodeNotes } from "./node-notes.ts";
import { WorkLog } from "./work-log.ts";
import { WorkOutbox } from "./work-outbox.ts";
import { workFromWire } from "./work-wire.ts";

/** So many messages of a node wait for their turn at most; then it is not read until half of them had it. */
const waitingMax = 32;
/** No node is told to keep more services started for sessions to come, whatever it says. */
const warmMax = 1024;

export interface WorkStreamDeps {
  readonly engine: Pick<Engine, "stream" | "call">;
  readonly payloads: Payloads;
  readonly trail: RequestTrail;
  readonly notes: NodeNotes;
  readonly logs: Pick<NodeLogs, "live">;
  readonly logger: Logger;
}

type WorkCall = ServerDuplexStream<WorkRequest, WorkResponse>;

/** `flame.stream.v1.Nodes`: leases and results in batches (docs/protocol.md, "Streams of nodes"). */
export function nodesService(deps: WorkStreamDeps): NodesServer {
  return {
    work: (call) => {
      new WorkStream(deps, call).serve();
    },
  };
}

/** One stream of one node. */
class WorkStream {
  readonly #deps: WorkStreamDeps;
  readonly #call: WorkCall;
  readonly #outbox: WorkOutbox;
  #node: { readonly name: string; readonly stream: Pending } | undefined;
  /** Where every task is told of; undefined where nobody would read that. */
  #log: WorkLog | undefined;
  #waiting = 0;
  #ended = false;

  constructor(deps: WorkStreamDeps, call: WorkCall) {
    this.#deps = deps;
    this.#call = call;
    const { payloads, trail } = deps;
    this.#outbox = new WorkOutbox({
      call,
      payloads,
      trail,
      onAssigned: (assignment) => this.#log?.assigned(assignment),
      onBind: (bind) => this.#given(bind),
      onFailed: (error) => this.#break(error),
    });
  }

  serve(): void {
    // The node takes them as the word that the service is there.
    this.#call.sendMetadata(new Metadata());
    const gone = (): void => this.#break();
    this.#call.on("data", (message: WorkRequest) => {
      if (this.#ended) return;
      try {
        this.#take(message);
      } catch (thrown) {
        this.#break(FlameError.from(thrown));
      }
    });
    this.#call.on("end", gone);
    this.#call.on("cancelled", gone);
    this.#call.on("error", gone);
  }

  #take(message: WorkRequest): void {
    if (this.#node === undefined) this.#node = this.#enter(message.hello);
    else if (message.hello !== undefined)
      throw new FlameError(
        "invalid_argument",
        `Work: a message after the first one has a hello (node ${JSON.stringify(message.hello.node.slice(0, 80))}): ` +
          "one stream is of one node; open another one",
      );
    const work = workFromWire(message);
    if (work === undefined) return;
    this.#log?.came(message);
    const { name, stream } = this.#node;
    if (++this.#waiting >= waitingMax) this.#call.pause();
    // The acknowledgements that it brings come on the stream.
    this.#deps.engine.call(
      "node.worked",
      { stream: stream.token, name, work },
      this.#carriedOut,
      this.#carriedOut,
    );
  }

  #enter(hello: Hello | undefined): { readonly name: string; readonly stream: Pending } {
    const { engine, logger, trail } = this.#deps;
    const { node: name, instance, warm, binds } = hello ?? Hello.create();
    if (name === "") {
      const text =
        "Work: the first message names no node: expected hello.node, as it was registered with RegisterNode";
      throw new FlameError("invalid_argument", text);
    }
    if (tellsDebug(logger)) this.#log = new WorkLog(logger, trail, name);
    const identity = identityOf(this.#call);
    const caller = {
      ...(instance !== "" && { instance }),
      ...(identity !== undefined && { identity }),
    };
    const stream = engine.stream(
      "node.work",
      { name, caller, warm: Math.min(warm, warmMax), binds },
      {
        push: (value) => this.#outbox.add(value),
        pushEarly: (value) => this.#outbox.addEarly(value),
        end: (error) => this.#end(error),
      },
    );
    return { name, stream };
  }

  #given(bind: Bind): void {
    const { notes, logs } = this.#deps;
    this.#log?.given(bind);
    const id = bind.executor?.metadata?.id ?? "";
    const node = this.#node?.name ?? "";
    const sessionId = bind.session?.metadata?.id;
    notes.executorRegistered(id, node);
    if (sessionId === undefined) return;
    notes.bound(id, sessionId);
    logs.live.bound(node, sessionId);
  }

  readonly #carriedOut = (): void => {
    if (--this.#waiting === waitingMax / 2 && this.#call.isPaused()) this.#call.resume();
  };

  /** The node, or what is between, ended it; or it cannot go on. */
  #break(error?: FlameError): void {
    this.#node?.stream.cancel();
    this.#end(error);
  }

  #end(error?: FlameError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#outbox.close();
    if (error === undefined) {
      this.#call.end();
      return;
    }
    const { name } = this.#node ?? {};
    this.#deps.logger.debug({ rpc: "work", node: name, reason: error.message }, "stream refused");
    this.#call.emit("error", statusOf(error));
  }
}
