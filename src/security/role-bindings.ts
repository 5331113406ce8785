import type { RoleBinding } from "../config/cluster-config.ts";
import type { Grant } from "../model/role.ts";

/** `cluster.security.roles`, by name. */
export class RoleBindings {
  readonly #byName = new Map<string, Grant[]>();

  /** @param bindings undefined: the configuration says nothing of roles */
  constructor(bindings: readonly RoleBinding[] = []) {
    for (const { names, ...grant } of bindings) {
      for (const name of new Set(names)) {
        const known = this.#byName.get(name);
        if (known === undefined) this.#byName.set(name, [grant]);
        else known.push(grant);
      }
    }
  }

  /** What is bound to a name, and to everybody. */
  of(name: string): readonly Grant[] {
    const [own = [], all = []] = [this.#byName.get(name), this.#byName.get(everybody)];
    return own.length === 0 ? all : [...own, ...all];
  }
}

const everybody = "*";
