import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import clientSchema from "../../schemas/client.schema.json" with { type: "json" };
import { deepFreeze, fillDefaults } from "../documents/defaults.ts";
import { checkWith } from "../documents/schema-check.ts";
import { FlameError } from "../model/errors.ts";
import { type ConfigDocument, noConfigFile, readConfigFile } from "./config-file.ts";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { type Env, envValue } from "./env.ts";
import { userFlameFolder } from "./flame-home.ts";
import validate from "./generated/client.ts";

/** What a client needs to know, checked and frozen. Keys, limits and defaults: schemas/client.schema.json. */
export interface ClientConfig {
  /** The file that was read, or `built-in defaults`. */
  readonly source: string;
  /** Unknown keys, one sentence each, for stderr or a log. */
  readonly warnings: readonly string[];
  /** Session manager; `http` or `https`, default http://127.0.0.1:8080. */
  readonly endpoint: Endpoint;
  /** PEM file to trust; undefined: the system's authorities. */
  readonly caFile: string | undefined;
  /** Object cache; `grpc` or `grpcs`, default grpc://127.0.0.1:9090. */
  readonly cacheEndpoint: Endpoint;
  readonly cacheCaFile: string | undefined;
  /** A folder shared with the object cache. */
  readonly cacheStorage: string | undefined;
}

interface RawContext {
  readonly name: string;
  readonly cluster: { readonly endpoint: string; readonly tls?: { readonly ca_file?: string } };
  readonly cache: {
    readonly endpoint: string;
    readonly tls?: { readonly ca_file?: string };
    readonly storage?: string;
  };
}

const check = checkWith(validate);

/**
 * Loads the clients' configuration: `path` (of `--config`), else `~/.flame/flame.yaml`, else built-in defaults.
 * FLAME_ENDPOINT, FLAME_CACHE_ENDPOINT and FLAME_CACHE_STORAGE come before the file; FLAME_CA_FILE stands in where it names none.
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
  const file = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(folder, path);
  const envCa = envValue(env, "FLAME_CA_FILE");
  const endpoint = envEndpoint(env, "FLAME_ENDPOINT", ["http", "https"], 8080);
  const cacheEndpoint = envEndpoint(env, "FLAME_CACHE_ENDPOINT", ["grpc", "grpcs"], 9090);
  return deepFreeze({
    source: document.source,
    warnings: document.warnings,
    endpoint: endpoint ?? fileEndpoint(context, "cluster", document),
    caFile: file(context.raw.cluster.tls?.ca_file) ?? envCa,
    cacheEndpoint: cacheEndpoint ?? fileEndpoint(context, "cache", document),
    cacheCaFile: file(context.raw.cache.tls?.ca_file) ?? envCa,
    cacheStorage: envValue(env, "FLAME_CACHE_STORAGE") ?? context.raw.cache.storage,
  });
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
