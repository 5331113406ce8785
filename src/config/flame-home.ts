import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type Env, envValue } from "./env.ts";

/** Where Flame lives when FLAME_HOME does not say. */
export const FLAME_HOME_DEFAULT = "/usr/local/flame";

/** Every path of the FLAME_HOME layout, absolute. Nothing is created by naming it. */
export interface FlameHome {
  readonly root: string;
  readonly bin: string;
  readonly conf: string;
  readonly data: string;
  readonly lib: string;
  readonly logs: string;
  /** Sockets and instance locks. */
  readonly run: string;
  readonly wheels: string;
  /** Working directories of applications. */
  readonly work: string;
  readonly pythonSdk: string;
  /** The Python project and environment that `flmrun` runs. */
  readonly flmrun: string;
  /** Folder of the object cache. */
  readonly objects: string;
  /** Installed application packages. */
  readonly packages: string;
  /** What lists of packages were resolved to, as far as this node has seen it. */
  readonly listLocks: string;
  /** Audit logs of daemons. */
  readonly audit: string;
  /** The usual place of `flame-cluster.yaml`. */
  readonly clusterConfig: string;
}

/** The layout under FLAME_HOME, or under {@link FLAME_HOME_DEFAULT}; a relative FLAME_HOME is made absolute. */
export function flameHome(env: Env): FlameHome {
  return flameHomeAt(envValue(env, "FLAME_HOME") ?? FLAME_HOME_DEFAULT);
}

/** The layout under a given folder. */
export function flameHomeAt(folder: string): FlameHome {
  const root = resolve(folder);
  const under = (...parts: string[]): string => join(root, ...parts);
  return Object.freeze({
    root,
    bin: under("bin"),
    conf: under("conf"),
    data: under("data"),
    lib: under("lib"),
    logs: under("logs"),
    run: under("run"),
    wheels: under("wheels"),
    work: under("work"),
    pythonSdk: under("sdk", "python"),
    flmrun: under("work", "flmrun"),
    objects: under("data", "objects"),
    packages: under("data", "packages"),
    listLocks: under("data", "list-locks"),
    audit: under("data", "audit"),
    clusterConfig: under("conf", "flame-cluster.yaml"),
  });
}

/** The user's folder of Flame files, `~/.flame`, by the run-time HOME. */
export function userFlameFolder(env: Env): string {
  return join(envValue(env, "HOME") ?? homedir(), ".flame");
}
