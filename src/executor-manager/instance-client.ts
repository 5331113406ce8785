import { connect } from "node:net";
import { Client, credentials } from "@grpc/grpc-js";
import type { Clock } from "../kit/clock.ts";
import {
  InstanceService,
  type SessionContext,
  type TaskContext,
} from "../protocol/generated/flame/v1/shim.ts";
import type { Result, TaskResult } from "../protocol/generated/flame/v1/types.ts";
import { pause } from "./pause.ts";
import type { ServiceLine } from "./service-line.ts";
import { unary } from "./unary.ts";

const PROBE_FIRST_MS = 5;
const PROBE_MAX_MS = 15;

/** The manager's side of `flame.v1.Instance`, over the unix socket of one service. */
export class InstanceClient implements ServiceLine {
  readonly #client: Client;

  constructor(socketPath: string) {
    this.#client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
      // How large a payload may be is the session manager's to say, when it accepts it.
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.initial_reconnect_backoff_ms": 50,
    });
  }

  connect(until: number): Promise<void> {
    return new Promise((resolve) => {
      this.#client.waitForReady(until, () => resolve());
    });
  }

  enter(context: SessionContext, signal: AbortSignal): Promise<Result> {
    return unary(this.#client, InstanceService.onSessionEnter, context, { signal });
  }

  invoke(context: TaskContext, signal: AbortSignal): Promise<TaskResult> {
    return unary(this.#client, InstanceService.onTaskInvoke, context, { signal });
  }

  leave(timeoutMs: number, signal: AbortSignal): Promise<Result> {
    return unary(this.#client, InstanceService.onSessionLeave, {}, { signal, timeoutMs });
  }

  close(): void {
    this.#client.close();
  }
}

/**
 * Waits until somebody accepts connections on the socket: a file alone may be stale, or bound but not yet listened on.
 * @throws FlameError aborted when `signal` aborts.
 */
export async function socketAccepts(
  path: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (
    let pauseMs = PROBE_FIRST_MS;
    !(await accepts(path));
    pauseMs = Math.min(pauseMs * 1.5, PROBE_MAX_MS)
  ) {
    await pause(clock, pauseMs, signal);
  }
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}
