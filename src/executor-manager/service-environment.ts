import { delimiter } from "node:path";
import { expandAll, expandKnown } from "./expand.ts";

/** What an installed package adds to the environment of its service. */
export interface PackageVariables {
  /** Search paths: put before what the application and the node have under the same name. */
  readonly paths: Readonly<Record<string, readonly string[]>>;
  /** Plain values: used unless the application sets the same name. */
  readonly values: Readonly<Record<string, string>>;
}

export const noPackageVariables: PackageVariables = Object.freeze({ paths: {}, values: {} });

/** Everything the environment of one service is made of. */
export interface ServiceEnvironmentParts {
  /** The node's clean environment and `executors.environment`. */
  readonly inherited: Readonly<Record<string, string>>;
  /** The application's `environments`. */
  readonly application: Readonly<Record<string, string>>;
  readonly packageVariables: PackageVariables;
  readonly flameHome: string;
  readonly logLevel: string;
  readonly socketPath: string;
  /** Where it may connect for its tasks. */
  readonly tasksPath: string;
  readonly clusterEndpoint: string;
  readonly caFile?: string;
  readonly cacheEndpoint?: string;
  /** The service's own temporary folder. */
  readonly temporary: string;
}

/** What a service has unless its application or its node says something else. */
const USUAL: Readonly<Record<string, string>> = {
  // What a Python service prints belongs to the task that runs, not to a buffer's end.
  PYTHONUNBUFFERED: "1",
  // With gRPC's fork handlers, children that a task of a gRPC service forks die of SIGSEGV or hang.
  GRPC_ENABLE_FORK_SUPPORT: "0",
};

/** Search paths that go on with what the node itself has; PYTHONPATH does not. */
const CONTINUED = new Set(["PATH", "LD_LIBRARY_PATH"]);

/**
 * The environment of a service: the inherited part, overlaid with the map of docs/protocol.md
 * ("Services"), whose order decides who wins.
 */
export function serviceEnvironment(parts: ServiceEnvironmentParts): Record<string, string> {
  const { inherited, application } = parts;
  // Any name is a variable like others, `__proto__` too.
  const map = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(application)) {
    map[name] = expandAll(value, (variable) => ownValue(inherited, variable));
  }
  map["RUST_LOG"] = parts.logLevel;
  map["FLAME_LOG"] = parts.logLevel;
  map["FLAME_INSTANCE_ENDPOINT"] = parts.socketPath;
  map["FLAME_TASKS_ENDPOINT"] = parts.tasksPath;
  map["FLAME_ENDPOINT"] = parts.clusterEndpoint;
  if (parts.caFile !== undefined) map["FLAME_CA_FILE"] = parts.caFile;
  if (parts.cacheEndpoint !== undefined) map["FLAME_CACHE_ENDPOINT"] = parts.cacheEndpoint;
  map["FLAME_HOME"] = parts.flameHome;
  addPackageVariables(map, parts);
  for (const name of ["TMPDIR", "TEMP", "TMP"]) map[name] ??= parts.temporary;
  return { ...USUAL, ...inherited, ...map };
}

function addPackageVariables(map: Record<string, string>, parts: ServiceEnvironmentParts): void {
  for (const [name, own] of Object.entries(parts.packageVariables.paths)) {
    const applications = map[name];
    const nodes = CONTINUED.has(name) ? parts.inherited[name] : undefined;
    const joined = [...own, applications, nodes].filter(
      (part) => part !== undefined && part !== "",
    );
    if (joined.length > 0)
      map[name] = [...new Set(joined.join(delimiter).split(delimiter))].join(delimiter);
  }
  for (const [name, value] of Object.entries(parts.packageVariables.values)) map[name] ??= value;
}

/** A command line with the variables of its service filled in; unknown ones stay as written. */
export function expandCommandLine(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): { command: string; args: string[] } {
  const expand = (text: string): string => expandKnown(text, (name) => ownValue(environment, name));
  return { command: expand(command), args: args.map(expand) };
}

/** `${constructor}` names no variable, though every object has something of that name. */
function ownValue(variables: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined;
}
