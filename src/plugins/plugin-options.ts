import { deepFreeze } from "../documents/defaults.ts";
import { faultText, pathText } from "../documents/fault.ts";
import { compileSchema } from "../documents/schema-check.ts";
import { textOf } from "../kit/thrown.ts";
import { FlameError } from "../model/errors.ts";
import type { FlamePlugin } from "./plugin.ts";

/**
 * Checks a plugin's options by its own schema and freezes them.
 * @throws FlameError invalid_config naming the plugin and every fault, or saying that its schema is none.
 */
export function checkOptions(
  plugin: FlamePlugin,
  options: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const refuse = (reason: string): FlameError =>
    new FlameError("invalid_config", `plugin ${JSON.stringify(plugin.name)}: ${reason}`);
  if (plugin.optionsSchema === undefined) {
    const [first] = Object.keys(options);
    if (first === undefined) return deepFreeze({});
    throw refuse(
      `got the option ${JSON.stringify(first)}, expected none: this plugin takes no options`,
    );
  }
  let check: ReturnType<typeof compileSchema>;
  try {
    check = compileSchema(plugin.optionsSchema);
  } catch (thrown) {
    throw refuse(`its optionsSchema is no JSON Schema: ${textOf(thrown)}`);
  }
  const faults = check(options);
  if (faults.length === 0) return deepFreeze(structuredClone(options));
  throw refuse(
    faults
      .map(({ at, ...fault }) => faultText({ ...fault, path: pathText(["options", ...at]) }))
      .join("; "),
  );
}
