import type {
  handleUnaryCall,
  MethodDefinition,
  Server,
  ServiceDefinition,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { FlameError } from "../../model/errors.ts";
import { statusOf } from "../../protocol/grpc-errors.ts";

/** What clients of flamepy 0.3.0 call, on the service `flame.Frontend`. */
const methods = [
  "RegisterApplication",
  "UnregisterApplication",
  "ListApplication",
  "GetApplication",
  "CreateSession",
  "OpenSession",
  "CloseSession",
  "DeleteSession",
  "GetSession",
  "ListSession",
  "CreateTask",
  "DeleteTask",
  "GetTask",
  "WatchTask",
];

/**
 * Tells clients of the protocol before `flame.v1` what they need, instead of leaving them with an unknown method
 * (docs/protocol.md, "Transport").
 */
export function refuseEarlyProtocol(server: Server): void {
  const untouched = (bytes: Buffer): Buffer => bytes;
  const definition = (name: string): MethodDefinition<Buffer, Buffer> => ({
    path: `/flame.Frontend/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: untouched,
    requestDeserialize: untouched,
    responseSerialize: untouched,
    responseDeserialize: untouched,
  });
  const refuse: handleUnaryCall<Buffer, Buffer> = (_call, callback) => {
    const text =
      "this cluster speaks the protocol flame.v1, the client speaks an earlier one; install flamepy>=0.6";
    callback(statusOf(new FlameError("unimplemented", text)));
  };
  const service: ServiceDefinition = Object.fromEntries(
    methods.map((name) => [name, definition(name)]),
  );
  const implementation: Record<string, UntypedHandleCall> = Object.fromEntries(
    methods.map((name) => [name, refuse]),
  );
  server.addService(service, implementation);
}
