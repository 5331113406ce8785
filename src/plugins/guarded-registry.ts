import type { RegistryHost } from "../application-registry/index.ts";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";

/** The registry for one plugin: what its listeners throw is logged, and stops neither the machine nor other listeners. */
export function guardedRegistry(registry: RegistryHost, logger: Logger): RegistryHost {
  return {
    ...registry,
    watch: (listener) =>
      registry.watch(async (event) => {
        try {
          await listener(event);
        } catch (thrown) {
          const { kind, record } = event;
          logger.error(
            { application: record.name, event: kind, reason: textOf(thrown) },
            `a listener failed when ${record.name} was ${kind}: ${textOf(thrown)}`,
          );
        }
      }),
  };
}
