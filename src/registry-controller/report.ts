import type { FieldChange } from "../application-registry/index.ts";
import { changeText } from "./normal-form.ts";
import type { Step } from "./plan.ts";

/** What became of one step. */
export type StepOutcome =
  /** `notKept`: what the cluster took and does not show. */
  | { readonly kind: "done"; readonly notKept: readonly FieldChange[] }
  /** Only told what would be done. */
  | { readonly kind: "dry-run" }
  /** At a closer look there was nothing to do. */
  | { readonly kind: "in-order" }
  /** Sessions are open, as many as could be counted: tried again later. */
  | { readonly kind: "waits"; readonly sessions: number | undefined }
  | { readonly kind: "failed"; readonly reason: string };

/** What one round found and did. */
export interface RoundReport {
  /** One line each: what was done or would be. */
  readonly changes: readonly string[];
  /** One line each: what is not in order and why. */
  readonly problems: readonly string[];
  /** Wanted applications that needed nothing. */
  readonly inOrder: number;
}

const VERBS = {
  register: ["created", "would be created"],
  update: ["configured", "would be configured"],
  unregister: ["removed", "would be removed"],
} as const;

/** What was done, such as `application/a configured: command: "x" -> "y"`; undefined when nothing was. */
export function changeLine(step: Step, outcome: StepOutcome): string | undefined {
  if (outcome.kind !== "done" && outcome.kind !== "dry-run") return undefined;
  const drift = step.kind === "update" && step.drifted ? "drifted there and " : "";
  const verb = VERBS[step.kind][outcome.kind === "done" ? 0 : 1];
  const notKept = outcome.kind === "done" ? outcome.notKept.map(({ path }) => path) : [];
  const without = notKept.length === 0 ? "" : `, without ${notKept.join(" and ")}: not kept there`;
  return `application/${step.name} ${drift}${verb}${detail(step)}${without}`;
}

/** Why something is not in order; undefined when it is. */
export function problemLine(step: Step, outcome: StepOutcome): string | undefined {
  const who = `application/${step.name}`;
  if (outcome.kind === "failed") {
    return `${who} cannot be ${VERBS[step.kind][0]}: ${outcome.reason}`;
  }
  if (outcome.kind !== "waits") return undefined;
  const { sessions } = outcome;
  const open = sessions === 1 ? "1 open session is" : `${sessions ?? "its"} open sessions are`;
  return `${who} ${VERBS[step.kind][1]} when ${open} closed${detail(step)}`;
}

function detail(step: Step): string {
  if (step.kind === "update") return `: ${step.changes.map(changeText).join("; ")}`;
  return step.kind === "unregister" ? `: ${step.path} says nothing about it any more` : "";
}
