import type { Application, FlameClient } from "../client/index.ts";
import { type ErrorCode, FlameError } from "../model/errors.ts";
import { digestOf, type Memory } from "./memory.ts";
import { differences, isLossyOnly, withoutLostFields } from "./normal-form.ts";
import { type Plan, planFor, type Step } from "./plan.ts";
import { changeLine, problemLine, type RoundReport, type StepOutcome } from "./report.ts";
import { SessionCounts } from "./session-counts.ts";
import type { Wanted, Wishes } from "./wanted.ts";

/** The published calls that the controller makes: all that it needs of a session manager, whoever made it. */
export type PublishedCalls = Pick<
  FlameClient,
  | "listApplications"
  | "getApplication"
  | "registerApplication"
  | "updateApplication"
  | "unregisterApplication"
  | "listSessions"
>;

export interface ReconcilerDeps {
  readonly cluster: PublishedCalls;
  readonly memory: Memory;
  /** Find and tell, change nothing. */
  readonly dryRun: boolean;
}

/** Applications that are changed at once. */
const STEPS_AT_ONCE = 8;
/** The cluster is away, or not for us: the other steps would fare no better. */
const AWAY: readonly ErrorCode[] = [
  "unavailable",
  "deadline_exceeded",
  "invalid_config",
  "unauthenticated",
  "permission_denied",
];

/** One round's knowledge of the cluster. */
interface Round {
  readonly plan: Plan;
  readonly live: ReadonlyMap<string, Application>;
  readonly sessions: SessionCounts;
}

/** Brings a cluster to what is wanted, round after round. */
export class Reconciler {
  readonly #deps: ReconcilerDeps;

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
  }

  /**
   * One round: what is there, what has to change, and that.
   * @throws FlameError when the cluster is away; what was done until then is remembered
   */
  async round(wishes: Wishes): Promise<RoundReport> {
    const { cluster, memory, dryRun } = this.#deps;
    const all = await cluster.listApplications();
    const round: Round = {
      plan: planFor(wishes, all, memory.entries()),
      live: new Map(all.map((application) => [application.name, application])),
      sessions: new SessionCounts(cluster),
    };
    if (!dryRun) this.#rememberFound(round);
    try {
      const { steps } = round.plan;
      const outcomes: StepOutcome[] = [];
      for (let start = 0; start < steps.length; start += STEPS_AT_ONCE) {
        const part = steps.slice(start, start + STEPS_AT_ONCE);
        outcomes.push(...(await Promise.all(part.map((step) => this.#carryOut(step, round)))));
      }
      return reportOf(round.plan, outcomes, wishes.faults);
    } finally {
      if (!dryRun) memory.save();
    }
  }

  async #carryOut(step: Step, round: Round): Promise<StepOutcome> {
    const { cluster, dryRun } = this.#deps;
    try {
      if (step.kind === "register") {
        return dryRun ? { kind: "dry-run" } : await this.#register(step.wanted);
      }
      if (step.kind === "update" && (await this.#isInOrder(step.wanted, round))) {
        return { kind: "in-order" };
      }
      // Some engines change applications under open sessions, or drop the sessions with them.
      const sessions = await round.sessions.of(step.name);
      if (sessions > 0) return { kind: "waits", sessions };
      if (dryRun) return { kind: "dry-run" };
      if (step.kind === "update") return await this.#update(step.wanted, round);
      await cluster.unregisterApplication(step.name);
      this.#deps.memory.forget(step.name);
      return { kind: "done", notKept: [] };
    } catch (thrown) {
      const error = FlameError.from(thrown);
      if (AWAY.includes(error.code)) throw error;
      if (error.code === "invalid_state") return { kind: "waits", sessions: undefined };
      return { kind: "failed", reason: error.message };
    }
  }

  /** A list may leave out long texts that make it too large to be sent: a single application has them. */
  async #isInOrder({ name, manifest }: Wanted, { plan }: Round): Promise<boolean> {
    const { spec } = await this.#deps.cluster.getApplication(name);
    return withoutLostFields(differences(spec, manifest), plan.kept).length === 0;
  }

  async #register(wanted: Wanted): Promise<StepOutcome> {
    const { cluster } = this.#deps;
    await cluster.registerApplication(wanted.name, wanted.manifest);
    const made = await cluster.getApplication(wanted.name);
    return this.#settle(wanted, made, made.creationTime.getTime());
  }

  async #update(wanted: Wanted, { live }: Round): Promise<StepOutcome> {
    const { cluster, memory } = this.#deps;
    const { name, manifest } = wanted;
    await cluster.updateApplication(name, manifest);
    const created = ours(memory.get(name)?.created, live.get(name));
    return this.#settle(wanted, await cluster.getApplication(name), created);
  }

  /** What was written is read again: engines may take less than they are given. */
  #settle(wanted: Wanted, written: Application, created: number | undefined): StepOutcome {
    const rest = differences(written.spec, wanted.manifest);
    // Whoever changed it since, it is the controller that made it: it goes with its file.
    this.#remember(wanted, created, rest.length > 0);
    if (!isLossyOnly(rest)) {
      const paths = rest.map(({ path }) => path).join(", ");
      return { kind: "failed", reason: `it was taken, but afterwards differs in ${paths}` };
    }
    return { kind: "done", notKept: rest };
  }

  #remember({ name, path, manifest }: Wanted, created: number | undefined, part: boolean): void {
    this.#deps.memory.set(name, {
      ...(path !== undefined && { path }),
      ...(created !== undefined && { created }),
      digest: digestOf(manifest),
      ...(part && { incomplete: true }),
    });
  }

  #rememberFound({ plan, live }: Round): void {
    const { memory } = this.#deps;
    for (const wanted of plan.inOrder) {
      const known = memory.get(wanted.name);
      const created = ours(known?.created, live.get(wanted.name));
      this.#remember(wanted, created, known?.incomplete === true);
    }
    for (const name of plan.forgotten) memory.forget(name);
  }
}

/** The time at which the controller made it; undefined when it is another one of that name. */
function ours(created: number | undefined, live: Application | undefined): number | undefined {
  return created === live?.creationTime.getTime() ? created : undefined;
}

function reportOf(
  plan: Plan,
  outcomes: readonly StepOutcome[],
  faults: readonly string[],
): RoundReport {
  const lines = (line: typeof changeLine): readonly string[] =>
    plan.steps.flatMap((step, index) => {
      const outcome = outcomes[index];
      return outcome === undefined ? [] : (line(step, outcome) ?? []);
    });
  const closer = outcomes.filter(({ kind }) => kind === "in-order").length;
  return {
    changes: lines(changeLine),
    problems: [...faults, ...lines(problemLine)],
    inOrder: plan.inOrder.length + closer,
  };
}
