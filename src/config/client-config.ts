import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import clientSchema from "../../schemas/client.schema.json" with { type: "json" };
import { deepFreeze, fillDefaults } from "../documents/defaults.ts";
import { checkWith } from "../documents/schema-check.ts";
import { FlameError } from "../model/errors.ts";
import type { ClientCredentials } from "./client-credentials.ts";
import { type ConfigDocument, noConfigFile, readConfigFile } from "./config-file.ts";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { type Env, envValue } from "./env.ts";
import { userFlameFolder } from "./flame-home.ts";
import validate from "./generated/client.ts";
import { usesTaskStreams } from "./task-streams.ts";

/** What a client needs to know, checked and frozen. Keys, limits and defaults: schemas/client.schema.json. */
export interface ClientConfig {
  /** The file that was read, or `built-in defaults`. */
  readonly source: string;
  /** Session manager; `http` or `https`, default http://127.0.0.1:8080. */
  readonly endpoint: Endpoint;
  /** Whom to trust at the session manager, and what to show to it. */
  readonly credentials: ClientCredentials;
  /** Object cache; `grpc` or `grpcs`, default grpc://127.0.0.1:9090. */
  readonly cacheEndpoint: Endpoint;
  /** The same for the object cache. */
  readonly cacheCredentials: ClientCredentials;
  /** A folder shared with the object cache. */
  readonly cacheStorage: string | undefined;
  /** Whether tasks travel on a stream where the session manager has one. */
  readonly taskStreams: boolean;
}

interface RawContext {
  readonly name: string;
  readonly cluster: RawServer;
  readonly cache: RawServer & { readonly storage?: string };
}

interface RawServer {
  readonly endpoint: string;
  readonly tls?: {
    readonly ca_file?: string;
    readonly cert_file?: string;
    readonly key_file?: string;
  };
  readonly token_file?: string;
}

const check = checkWith(validate);

/**
 * Loads the clients' configuration: `path` (of `--config`), else `~/.flame/flame.yaml`, else built-in defaults.
 * FLAME_ENDPOINT, FLAME_CACHE_ENDPOINT and FLAME_CACHE_STORAGE come before the file; FLAME_CA_FILE, FLAME_CERT_FILE with
 * FLAME_KEY_FILE, and FLAME_TOKEN_FILE stand in where it names none; SSL_CERT_FILE stands in for the system's roots.
 * @throws FlameError invalid_config naming file, line:column, path, got and expected, or the variable.
 */
export function loadClientConfig(from: {
  readonly path?: string | undefined;
  readonly env: Env;
}): ClientConfig {
  const { env } = from;
  const document = readDocument(from.path, env);
  const context = contextOf(document);
  const folder = dirname(document.source);
  const { cluster, cache } = context.raw;
  const endpoint = envEndpoint(env, "FLAME_ENDPOINT", ["http", "https"], 8080);
  const cacheEndpoint = envEndpoint(env, "FLAME_CACHE_ENDPOINT", ["grpc", "grpcs"], 9090);
  return deepFreeze({
    source: document.source,
    endpoint: endpoint ?? fileEndpoint(context, "cluster", document),
    credentials: credentialsOf(cluster, cluster.token_file, folder, env),
    cacheEndpoint: cacheEndpoint ?? fileEndpoint(context, "cache", document),
    cacheCredentials: credentialsOf(cache, cache.token_file ?? cluster.token_file, folder, env),
    cacheStorage: envValue(env, "FLAME_CACHE_STORAGE") ?? cache.storage,
    taskStreams: usesTaskStreams(env),
  });
}

function credentialsOf(
  { tls }: RawServer,
  tokenFile: string | undefined,
  folder: string,
  env: Env,
): ClientCredentials {
  const file = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(folder, path);
  const own = tls?.cert_file !== undefined;
  return {
    caFile: file(tls?.ca_file) ?? envValue(env, "FLAME_CA_FILE"),
    rootsFile: envValue(env, "SSL_CERT_FILE"),
    certFile: own ? file(tls.cert_file) : envValue(env, "FLAME_CERT_FILE"),
    keyFile: own ? file(tls.key_file) : envValue(env, "FLAME_KEY_FILE"),
    tokenFile: file(tokenFile) ?? envValue(env, "FLAME_TOKEN_FILE"),
  };
}

function readDocument(path: string | undefined, env: Env): ConfigDocument {
  const usual = join(userFlameFolder(env), "flame.yaml");
  const file = path === undefined ? usual : resolve(path);
  if (path === undefined && !existsSync(usual)) return noConfigFile();
  return readConfigFile(file, check);
}

interface ChosenContext {
  readonly raw: RawContext;
  readonly index: number;
}

function contextOf(document: ConfigDocument): ChosenContext {
  const { "current-context": current, contexts = [] } = document.value as {
    "current-context"?: string;
    contexts?: readonly { name: string }[];
  };
  const schema = clientSchema.properties.contexts.items;
  if (current === undefined)
    return { raw: fillDefaults(schema, { name: "" }) as RawContext, index: 0 };
  const index = contexts.findIndex((context) => context.name === current);
  if (index < 0) {
    const names = contexts.map((context) => context.name).join(", ");
    const expected = names === "" ? "a context of that name under contexts" : `one of ${names}`;
    throw document.fault(["current-context"], expected);
  }
  return { raw: fillDefaults(schema, contexts[index]) as RawContext, index };
}

function fileEndpoint(
  context: ChosenContext,
  section: "cluster" | "cache",
  document: ConfigDocument,
): Endpoint {
  const schemes = section === "cluster" ? ["http", "https"] : ["grpc", "grpcs"];
  try {
    return parseEndpoint(
      context.raw[section].endpoint,
      schemes,
      section === "cluster" ? 8080 : 9090,
    );
  } catch {
    const at = ["contexts", context.index, section, "endpoint"];
    throw document.fault(at, schemes.map((scheme) => `${scheme}://HOST:PORT`).join(" or "));
  }
}

function envEndpoint(
  env: Env,
  name: string,
  schemes: readonly string[],
  port: number,
): Endpoint | undefined {
  const text = envValue(env, name);
  if (text === undefined) return undefined;
  try {
    return parseEndpoint(text, schemes, port);
  } catch (cause) {
    throw new FlameError("invalid_config", `${name}: ${FlameError.from(cause).message}`, { cause });
  }
}
