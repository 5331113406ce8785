import { Server, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import type { Caller, Identity } from "../../../src/model/caller.ts";
import { FrontendService } from "../../../src/protocol/generated/flame/v1/frontend.ts";
import { callerOf, identityOf } from "../../../src/security/authentication.ts";
import type { ListenerSecurity } from "../../../src/security/listener-security.ts";

/** A Frontend of one call that writes down who made it. */
export interface ServedFrontend {
  readonly port: number;
  readonly callers: Caller[];
  readonly identities: (Identity | undefined)[];
  close(): void;
}

export async function serveFrontend({
  credentials,
  interceptors,
}: ListenerSecurity): Promise<ServedFrontend> {
  const callers: Caller[] = [];
  const identities: (Identity | undefined)[] = [];
  const server = new Server({ interceptors });
  server.addService(FrontendService, {
    listNodes: (call: ServerUnaryCall<unknown, object>, answer: sendUnaryData<object>) => {
      callers.push(callerOf(call));
      identities.push(identityOf(call));
      answer(null, { nodes: [] });
    },
  });
  const port = await new Promise<number>((bound, failed) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, chosen) =>
      error === null ? bound(chosen) : failed(error),
    );
  });
  return { port, callers, identities, close: () => server.forceShutdown() };
}
