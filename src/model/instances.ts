import { FlameError } from "./errors.ts";

/** How few and how many instances a session may have. */
export interface InstanceBounds {
  readonly minInstances?: number | undefined;
  /** Undefined: no limit. */
  readonly maxInstances?: number | undefined;
}

const WIRE_NAMES = { min: "min_instances", max: "max_instances" };

/** No larger number travels. */
const INSTANCES_MAX = 2 ** 32 - 1;

/**
 * The bounds of a session that can run tasks.
 * @param names what the caller calls them
 * @throws FlameError invalid_argument
 */
export function checkInstances(bounds: InstanceBounds, names = WIRE_NAMES): void {
  const { minInstances: least = 0, maxInstances: most } = bounds;
  checkWhole(least, 0, names.min, "");
  if (most === undefined) return;
  checkWhole(most, 1, names.max, ", or none for no limit: with 0 no task of the session ever runs");
  if (least > most)
    throw new FlameError(
      "invalid_argument",
      `${names.min}: got ${least}, expected at most ${names.max}, which is ${most}`,
    );
}

function checkWhole(given: number, least: number, name: string, more: string): void {
  if (Number.isInteger(given) && given >= least && given <= INSTANCES_MAX) return;
  const expected = `a whole number from ${least} to ${INSTANCES_MAX}`;
  throw new FlameError("invalid_argument", `${name}: got ${given}, expected ${expected}${more}`);
}
