import { FlameError } from "../model/errors.ts";
import { type Env, envValue } from "./env.ts";

const name = "FLAME_TASK_STREAMS";

/**
 * Whether a client or a node uses the streams of tasks where the session manager has them; `FLAME_TASK_STREAMS=off`: one call
 * for each task, as published ones do.
 * @throws FlameError invalid_config for another value
 */
export function usesTaskStreams(env: Env): boolean {
  const text = envValue(env, name) ?? "on";
  if (text === "on" || text === "off") return text === "on";
  throw new FlameError(
    "invalid_config",
    `${name}: got ${JSON.stringify(text)}, expected on or off (off: one call for each task); unset it, or set one of the two`,
  );
}
