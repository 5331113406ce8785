import type { RegistryClient } from "../../client/index.ts";
import { FlameError } from "../../model/errors.ts";
import { type CliContext, withCluster } from "../context.ts";

/**
 * Runs `action` with the registry of the cluster.
 * @param instead what serves where there is no registry, for the error's text
 * @throws FlameError unimplemented when the session manager serves the published calls alone
 */
export async function withRegistry<T>(
  context: CliContext,
  configFile: string | undefined,
  instead: string,
  action: (registry: RegistryClient) => Promise<T>,
): Promise<T> {
  return withCluster(context, configFile, ({ registry }) => needed(action(registry), instead));
}

/** What calls of the registry answer. @throws FlameError unimplemented as {@link withRegistry} does */
export async function needed<T>(answer: Promise<T>, instead: string): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw isUnimplemented(thrown) ? noRegistry(instead) : thrown;
  }
}

/** What a call of the registry answers, or undefined where the session manager serves the published calls alone. */
export async function ifServed<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (thrown) {
    if (isUnimplemented(thrown)) return undefined;
    throw thrown;
  }
}

function isUnimplemented(thrown: unknown): boolean {
  return FlameError.from(thrown).code === "unimplemented";
}

function noRegistry(instead: string): FlameError {
  const text = `this needs a session manager that serves flame.registry.v1, and this one does not: it is of another make or an earlier release; ${instead}`;
  return new FlameError("unimplemented", text);
}
