import type { CacheAccess, CliContext, Cluster } from "../../../src/cli/context.ts";
import type {
  Application,
  Node,
  RegistryClient,
  SessionInfo,
  Task,
} from "../../../src/client/index.ts";
import type { Clock } from "../../../src/kit/clock.ts";
import { FlameError } from "../../../src/model/errors.ts";

/** A context whose output can be read and whose cluster is made of what a test gives. */
export function fakeContext(
  cluster: Partial<Cluster> = {},
  options: {
    interactive?: boolean;
    clock?: Clock;
    stdin?: string;
    objects?: Partial<CacheAccess["objects"]>;
  } = {},
): CliContext & { out: () => string; err: () => string; configs: (string | undefined)[] } {
  let out = "";
  let err = "";
  const configs: (string | undefined)[] = [];
  return {
    out: () => out,
    err: () => err,
    configs,
    env: {},
    async *stdin() {
      yield Buffer.from(options.stdin ?? "");
    },
    terminal: {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      interactive: options.interactive ?? false,
    },
    clock: options.clock ?? fixedClock(Date.UTC(2026, 0, 2, 20, 35, 0)),
    connect: (config) => {
      configs.push(config);
      return { close: () => undefined, registry: publishedOnly, ...cluster } as unknown as Cluster;
    },
    openCache: () => ({
      endpoint: "grpc://cache.example:9090",
      objects: { close: () => undefined, ...options.objects } as CacheAccess["objects"],
    }),
  };
}

/** The registry of a session manager that has none. */
const publishedOnly = new Proxy<Partial<RegistryClient>>(
  {},
  {
    get: (_registry, call) => {
      const unimplemented = (): never => {
        throw new FlameError("unimplemented", "The server does not implement this method");
      };

      if (call === "watch")
        return async function* () {
          unimplemented();
        };
      return async () => unimplemented();
    },
  },
);

export function fixedClock(now: number): Clock {
  return { now: () => now, steady: () => now, after: () => ({ cancel: () => undefined }) };
}

const created = new Date(Date.UTC(2026, 0, 2, 20, 31, 51, 7));

export function application(over: Partial<Application> = {}): Application {
  return {
    name: "flmping",
    state: "Enabled",
    creationTime: created,
    spec: { shim: "Host", command: "${FLAME_HOME}/bin/flmping-service", max_instances: 1_000_000 },
    ...over,
  };
}

export function session(over: Partial<SessionInfo> = {}): SessionInfo {
  return {
    id: "flmping-Sf4R2o",
    application: "flmping",
    state: "Open",
    minInstances: 0,
    priority: 0,
    resreq: { cpu: 1, memory: 1024 ** 3, gpu: 0 },
    creationTime: created,
    pending: 0,
    running: 1,
    succeed: 10,
    forgotten: 0,
    failed: 0,
    cancelled: 0,
    events: [],
    ...over,
  };
}

export function task(over: Partial<Task> = {}): Task {
  return {
    id: "1",
    sessionId: "flmping-Sf4R2o",
    state: "Succeed",
    creationTime: created,
    events: [],
    ...over,
  };
}

export function node(over: Partial<Node> = {}): Node {
  const capacity = { cpu: 8, memory: 31 * 1024 ** 3 + 5, gpu: 0 };
  return {
    name: "node-1",
    hostname: "node-1",
    state: "Ready",
    capacity,
    allocatable: capacity,
    arch: "x86_64",
    os: "linux",
    ...over,
  };
}
