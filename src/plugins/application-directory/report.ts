import type { ApplyOutcome } from "../../application-registry/index.ts";
import type { Logger } from "../../kit/logger.ts";
import type { Departure } from "./decide.ts";

/** Names that one line of the log tells; more are counted. */
const NAMES_TOLD_MAX = 8;

/** One line in the log for all that a look at the directory changed; none when it changed nothing. */
export function reportApplied(
  logger: Logger,
  folder: string,
  outcomes: readonly ApplyOutcome[],
  removals: readonly Departure[],
  removed: readonly ("removed" | "disabled" | "failed")[],
): void {
  const named = (action: string): readonly string[] =>
    outcomes.filter((outcome) => outcome.action === action).map(({ name }) => name);
  const left = (how: string): readonly string[] =>
    removals.filter((_one, index) => removed[index] === how).map(({ record }) => record.name);
  const parts = {
    created: named("created"),
    configured: named("configured"),
    removed: left("removed"),
    disabled: left("disabled"),
  };
  const told = Object.entries(parts).filter(([, names]) => names.length > 0);
  if (told.length === 0) return;
  const counts = Object.fromEntries(told.map(([what, names]) => [what, names.length]));
  const text = told.map(([what, names]) => `${what} ${shortened(names)}`).join("; ");
  logger.info(counts, `${folder}: ${text}`);
}

function shortened(names: readonly string[]): string {
  const more = names.length - NAMES_TOLD_MAX;
  const text = names.slice(0, NAMES_TOLD_MAX).join(", ");
  return more > 0 ? `${text} and ${more} more` : text;
}
