import type { ApplicationRecord, RevisionCause } from "../model/application.ts";
import { FlameError } from "../model/errors.ts";
import { changesBetween } from "./fields.ts";
import { refuseGone, refuseGuarded } from "./guards.ts";
import type { ApplyApplication, ApplyOptions, ApplyOutcome } from "./inputs.ts";
import { withOwner, withShippedOwners } from "./ownership.ts";
import { firstRevision, nextRevision } from "./revisions.ts";
import { sameDocument } from "./same-document.ts";

/** Refusals that one error text tells; more are counted. */
const REFUSALS_TOLD_MAX = 8;

type Find = (name: string) => ApplicationRecord | undefined;

/**
 * Decides an apply without carrying it out.
 * @throws FlameError when something is refused and `continueOnError` is not set
 */
export function applyAll(
  inputs: readonly ApplyApplication[],
  find: Find,
  { continueOnError = false }: ApplyOptions,
  now: number,
): readonly ApplyOutcome[] {
  const places = new Map<string, number>();
  const outcomes = inputs.map((input, index): ApplyOutcome => {
    try {
      const earlier = places.get(input.name);
      if (earlier !== undefined) throw twice(input.name, earlier, index);
      places.set(input.name, index);
      return applyOne(find(input.name), input, now);
    } catch (thrown) {
      return { name: input.name, action: "refused", error: FlameError.from(thrown) };
    }
  });
  if (!continueOnError) throwRefusals(outcomes);
  return outcomes;
}

function applyOne(
  before: ApplicationRecord | undefined,
  input: ApplyApplication,
  now: number,
): ApplyOutcome {
  const { name, manifest } = input;
  if (before === undefined) {
    refuseGone(name, input);
    const record = firstRevision(input, causeOf(input, undefined), now);
    return { name, action: "created", record, changes: changesBetween({}, manifest) };
  }
  refuseGuarded(before, input);
  const kept = withOwner(before, input);
  const changes = changesBetween(before.manifest, manifest);
  if (before.state === "Enabled" && sameDocument(before.manifest, manifest)) {
    return { name, action: "unchanged", record: kept, before, changes };
  }
  const next = nextRevision(kept, input, causeOf(input, before), now);
  const record = input.release === true ? withShippedOwners(next, changes) : next;
  return { name, action: "configured", record, before, changes };
}

function causeOf(input: ApplyApplication, before: ApplicationRecord | undefined): RevisionCause {
  const cause = input.cause ?? { kind: input.release === true ? "release" : "apply" };
  const owner = before?.owner;
  const overOwner = owner !== undefined && owner !== input.owner && owner !== input.takesOver;
  return overOwner ? { ...cause, forced: true } : cause;
}

function twice(name: string, earlier: number, index: number): FlameError {
  const text = `application ${JSON.stringify(name)} comes twice: in document ${earlier + 1} and in document ${index + 1}; keep one of them`;
  return new FlameError("invalid_argument", text);
}

function throwRefusals(outcomes: readonly ApplyOutcome[]): void {
  const errors = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome.error] : []));
  const [first] = errors;
  if (first === undefined) return;
  const more = errors.length - REFUSALS_TOLD_MAX;
  const texts = errors.slice(0, REFUSALS_TOLD_MAX).map(({ message }) => message);
  throw new FlameError(first.code, texts.join("; ") + (more > 0 ? `; and ${more} more` : ""));
}
