import { FlameClient } from "../client/flame-client.ts";
import { ObjectClient } from "../client/objects.ts";
import { cacheEndpoint } from "../client/objects-channel-client.ts";
import type { Objects } from "../client/objects-types.ts";
import type { Registry } from "../client/registry-types.ts";
import type { Session as RawSession } from "../client/session.ts";
import type { SessionInfo } from "../client/types.ts";
import { loadClientConfig } from "../config/client-config.ts";
import type { ClientCredentials } from "../config/client-credentials.ts";
import { readEnv } from "../config/env.ts";
import type {
  Applications,
  CloseOptions,
  ConnectOptions,
  Flame,
  OpenOptions,
  Session,
  SessionOptions,
} from "./client-types.ts";
import { allCodecs, encodeWith } from "./codec.ts";
import { checkClose, checkConnect, checkOpen, checkSession } from "./given.ts";
import { LogWishes, processPlaces } from "./log-lines.ts";
import { naming } from "./naming.ts";
import { type SessionParts, TypedSession } from "./typed-session.ts";

/**
 * A client of a cluster: the one of the options, else the one that FLAME_ENDPOINT or `~/.flame/flame.yaml` names, else the one
 * on this machine. Nothing is asked of it yet.
 * @throws FlameError `invalid_config` for an endpoint that is none, or a file that cannot be used; `invalid_argument` for an
 *   option that is none.
 */
export function connect(options: ConnectOptions = {}): Flame {
  checkConnect(options);
  const env = readEnv();
  const config = loadClientConfig({ path: options.configFile, env });
  const { callTimeoutMs, reconnectTimeoutMs, onPutOff, objectTimeoutMs } = options;
  const client = new FlameClient({
    ...over(config.credentials, options),
    endpoint: options.endpoint ?? config.endpoint.url,
    taskStreams: config.taskStreams,
    ...(callTimeoutMs !== undefined && { callTimeoutMs }),
    ...(reconnectTimeoutMs !== undefined && { reconnectTimeoutMs }),
    ...(onPutOff !== undefined && { onPutOff }),
  });
  const objects = new ObjectClient({
    ...over(config.cacheCredentials, options),
    // Else a mistake in it would come to light with the first object.
    endpoint: cacheEndpoint(options.cacheEndpoint ?? config.cacheEndpoint.url).url,
    ...(objectTimeoutMs !== undefined && { callTimeoutMs: objectTimeoutMs }),
  });
  return new ConnectedFlame(client, objects, new LogWishes(processPlaces(env)));
}

/** What the options say of credentials, and the rest of what the configuration does. */
function over(configured: ClientCredentials, options: ClientCredentials): ClientCredentials {
  const { caFile, rootsFile, certFile, keyFile, tokenFile } = options;
  const own = certFile !== undefined || keyFile !== undefined;
  return {
    caFile: caFile ?? configured.caFile,
    rootsFile: rootsFile ?? configured.rootsFile,
    // A certificate belongs to its key: they come from the same place.
    certFile: own ? certFile : configured.certFile,
    keyFile: own ? keyFile : configured.keyFile,
    tokenFile: tokenFile ?? configured.tokenFile,
  };
}

class ConnectedFlame implements Flame {
  readonly applications: Applications;
  readonly registry: Registry;
  readonly objects: Objects;
  readonly #client: FlameClient;
  readonly #closeObjects: () => void;
  readonly #logs: LogWishes;

  constructor(client: FlameClient, objects: ObjectClient, logs: LogWishes) {
    this.#client = client;
    this.#logs = logs;
    this.#closeObjects = () => objects.close();
    this.applications = applicationsOf(client);
    this.registry = client.registry;
    this.objects = objects;
  }

  async createSession<In = unknown, Out = unknown, Common = unknown>(
    options: SessionOptions<In, Out, Common>,
  ): Promise<Session<In, Out>> {
    checkSession(options);
    const { id, keep, commonData, codecs, logs, ...spec } = options;
    return naming(spec.application, async () => {
      const wish = this.#logs.of(logs);
      const all = allCodecs(codecs);
      const encoded =
        commonData === undefined
          ? undefined
          : encodeWith(all.commonData, commonData, "the common data");
      const raw = await this.#client.createSession(
        encoded === undefined ? spec : { ...spec, commonData: encoded },
        id,
        { ...(keep !== undefined && { keep }), ...(wish !== undefined && { logs: wish }) },
      );
      return this.#session(raw, all);
    });
  }

  async openSession<In = unknown, Out = unknown>(
    id: string,
    options: OpenOptions<In, Out> = {},
  ): Promise<Session<In, Out>> {
    checkOpen(id, options);
    const { codecs = {}, logs } = options;
    const wish = this.#logs.of(logs);
    const raw = await this.#client.openSession(id, undefined, wish && { logs: wish });
    return this.#session(raw, allCodecs<In, Out, unknown>(codecs));
  }

  #session<In, Out>(
    raw: RawSession,
    codecs: SessionParts<In, Out>["codecs"],
  ): TypedSession<In, Out> {
    return new TypedSession({
      raw,
      codecs,
      cancelTasks: (taskIds) => this.#client.cancelTasks(raw.id, taskIds),
    });
  }

  getSession(id: string): Promise<SessionInfo> {
    return this.#client.getSession(id);
  }

  listSessions(): Promise<SessionInfo[]> {
    return this.#client.listSessions();
  }

  async closeSession(id: string, options: CloseOptions = {}): Promise<SessionInfo> {
    checkClose(options);
    return this.#client.closeSession(id, options);
  }

  deleteSession(id: string): Promise<SessionInfo> {
    return this.#client.deleteSession(id);
  }

  close(): void {
    this.#client.close();
    this.#closeObjects();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function applicationsOf(client: FlameClient): Applications {
  return {
    register: (name, spec) => naming(name, () => client.registerApplication(name, spec)),
    update: (name, spec) => naming(name, () => client.updateApplication(name, spec)),
    unregister: (name) => naming(name, () => client.unregisterApplication(name)),
    get: (name) => naming(name, () => client.getApplication(name)),
    list: () => client.listApplications(),
  };
}
