import type { RegistryEvent, RegistryHost } from "../../application-registry/index.ts";
import type { Engine } from "../engine/engine.ts";

/** The registry's way into the embedded machine. */
export function engineRegistryHost(engine: Engine): RegistryHost {
  return {
    list: () => engine.ask("application.list", {}),
    get: (name) => engine.ask("application.get", { name }),
    seed: (defaults) => engine.ask("application.seed", { defaults }),
    register: (input) => engine.ask("application.register", input),
    update: (input) => engine.ask("application.update", input),
    unregister: async (name, author) => {
      await engine.ask("application.unregister", { name, author });
    },
    apply: (applications, options = {}) =>
      engine.ask("application.apply", { applications, options }),
    remove: (input) => engine.ask("application.remove", input),
    watch: (listener) => watch(engine, listener),
  };
}

function watch(
  engine: Engine,
  listener: (event: RegistryEvent) => void | Promise<void>,
): () => void {
  const pending = engine.stream(
    "application.watch",
    {},
    {
      push: (event) => {
        if (event.kind !== "present") void listener(event);
      },
      end: () => undefined,
    },
  );
  return () => {
    pending.cancel();
  };
}
