import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { FlameError } from "../model/errors.ts";
import { InstanceService } from "../protocol/generated/flame/v1/shim.ts";
import type { InstanceHandle } from "./instance-handle.ts";
import type { AskedService } from "./task-stream.ts";

/**
 * Serves `flame.v1.Instance` on a unix socket.
 * @throws FlameError unavailable when it cannot be bound.
 */
export async function serveCalls(service: AskedService, path: string): Promise<InstanceHandle> {
  const server = new Server({
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
  server.addService(InstanceService, {
    onSessionEnter: answering(service.enter),
    onTaskInvoke: answering(service.run),
    onSessionLeave: answering(service.leave),
  });
  await bind(server, path);
  let ended = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    ended = resolve;
  });
  return {
    over,
    close: () => {
      server.tryShutdown(() => ended());
      server.forceShutdown();
      return over;
    },
  };
}

/** @param answer never throws or rejects: failures are results, not gRPC statuses */
function answering<Request, Response>(
  answer: (request: Request) => Promise<Response> | Response,
): (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => void {
  return ({ request }, callback) => {
    void Promise.resolve(answer(request)).then((response) => callback(null, response));
  };
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else {
        const text = `cannot serve on FLAME_INSTANCE_ENDPOINT "${path}": ${error.message}`;
        reject(new FlameError("unavailable", text, { cause: error }));
      }
    });
  });
}
