import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { BackendClient } from "../../src/protocol/generated/flame/v1/backend.ts";
import { FrontendClient } from "../../src/protocol/generated/flame/v1/frontend.ts";
import type { ApplicationSpec } from "../../src/protocol/generated/flame/v1/types.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";

/** A server under test, seen through the wire alone. */
export interface Target {
  readonly frontend: FrontendClient;
  readonly backend: BackendClient;
  /** `host:port` of the Frontend. */
  readonly address: string;
  readonly backendAddress: string;
  close(): Promise<void>;
}

/**
 * The server at `FLAME_CONFORMANCE_ENDPOINT` (such as `127.0.0.1:8080`, with no executor manager beside it), or else a
 * session manager of ours with a grace time that tests can wait for.
 */
export async function openTarget(): Promise<Target> {
  const given = process.env["FLAME_CONFORMANCE_ENDPOINT"];
  if (given !== undefined && given !== "") return connect(given, () => Promise.resolve());
  return targetOf(await startCluster({ daemons: ["flame-session-manager"] }));
}

/** The session manager of a cluster; closing it closes the cluster. */
export function targetOf(cluster: TestCluster): Target {
  return connect(cluster.endpoint.replace("http://", ""), () => cluster.close());
}

function connect(address: string, after: () => Promise<void>): Target {
  const [host = "", port = ""] = address.split(":");
  const frontend = new FrontendClient(address, credentials.createInsecure());
  const backendAddress = `${host}:${Number(port) + 1}`;
  const backend = new BackendClient(backendAddress, credentials.createInsecure());
  return {
    frontend,
    backend,
    address,
    backendAddress,
    async close() {
      frontend.close();
      backend.close();
      await after();
    },
  };
}

/** Request and reply of a unary method of a generated client; its last overload names both. */
type Method<C, K extends keyof C> = C[K] extends (
  request: infer Q,
  metadata: Metadata,
  options: never,
  callback: (error: never, reply: infer A) => void,
) => unknown
  ? { request: Q; reply: A }
  : never;

/** Calls `client.method(request)`. */
export function call<C extends object, K extends keyof C>(
  client: C,
  method: K,
  request: Method<C, K>["request"],
  metadata = new Metadata(),
): Promise<Method<C, K>["reply"]> {
  return new Promise((resolve, reject) => {
    const start = client[method] as unknown as (
      this: C,
      request: unknown,
      metadata: Metadata,
      callback: (error: ServiceError | null, reply: Method<C, K>["reply"]) => void,
    ) => unknown;
    start.call(client, request, metadata, (error, reply) => {
      if (error === null) resolve(reply);
      else reject(error);
    });
  });
}

/** The status of a call that must fail. */
export async function failure(
  promise: Promise<unknown>,
): Promise<{ code: number; details: string }> {
  try {
    await promise;
  } catch (thrown) {
    const { code, details } = thrown as ServiceError;
    return { code, details };
  }
  throw new Error("the call succeeded, it should have failed");
}

/** A specification with nothing set but what is given. */
export function applicationSpec(fields: Partial<ApplicationSpec> = {}): ApplicationSpec {
  return { shim: 0, labels: [], arguments: [], environments: [], ...fields };
}

/** gRPC statuses by name. */
export const status = {
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
} as const;
