import type { RegistryHost } from "../application-registry/index.ts";
import type { Engine } from "./engine.ts";

/** The registry's way into the embedded machine. */
export function engineRegistryHost(engine: Engine): RegistryHost {
  return {
    list: () => engine.ask("application.list", {}),
    get: (name) => engine.ask("application.get", { name }),
    seed: (defaults) => engine.ask("application.seed", { defaults }),
    register: (input) => engine.ask("application.register", input),
    update: (input) => engine.ask("application.update", input),
    unregister: async (name) => {
      await engine.ask("application.unregister", { name });
    },
  };
}
