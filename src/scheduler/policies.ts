import type { PolicyName } from "../model/scheduling-policy.ts";
import type { Standing } from "./standing.ts";

/**
 * What a scheduling policy is asked (docs/protocol.md, "Scheduling"). Without an opinion it leaves the answer to the
 * next one.
 */
export interface Policy {
  /** Who gets the next executor: negative when `a` does; 0: no opinion. */
  order(a: Standing, b: Standing): number;
  /** `short` lacks an executor and there is room that it cannot use yet: is it kept from `later`? */
  keepsFrom(short: Standing, later: Standing): boolean | undefined;
  /** May executors of `holder` that have tasks to do go to `taker`, each after the task it has now? */
  mayTake(taker: Standing, holder: Standing, executors: number): boolean | undefined;
}

/** Policies joined into one that always has an opinion. */
export interface Rules extends Policy {
  keepsFrom(short: Standing, later: Standing): boolean;
  mayTake(taker: Standing, holder: Standing, executors: number): boolean;
}

/** The first policy that has an opinion decides; `priority` is asked before `drf`, however they are listed. */
export function combine(names: readonly PolicyName[]): Rules {
  const asked = inOrder.filter(({ name }) => names.includes(name)).map(({ policy }) => policy);
  asked.push(nesting, age);
  return {
    order: (a, b) => {
      for (const policy of asked) {
        const answer = policy.order(a, b);
        if (answer !== 0) return answer;
      }
      return 0;
    },
    keepsFrom: (short, later) => first(asked, (policy) => policy.keepsFrom(short, later)) ?? true,
    mayTake: (taker, holder, executors) =>
      first(asked, (policy) => policy.mayTake(taker, holder, executors)) ?? false,
  };
}

function first(
  policies: readonly Policy[],
  ask: (policy: Policy) => boolean | undefined,
): boolean | undefined {
  for (const policy of policies) {
    const answer = ask(policy);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** Higher first. Nothing is ever taken from a higher priority, and what it lacks is kept from lower ones. */
const priority: Policy = {
  order: (a, b) => b.session.priority - a.session.priority,
  keepsFrom: (short, later) => (short.session.priority > later.session.priority ? true : undefined),
  mayTake: (taker, holder) =>
    taker.session.priority < holder.session.priority ? false : undefined,
};

/**
 * Dominant resource fairness: the smallest dominant share first.
 *
 * A session that has nothing keeps room from others, else a stream of small sessions would starve a large one; one that
 * has something does not, so that no room lies idle: it takes from those above it instead. It takes only what leaves the
 * other one above what it has itself now: the smaller of both shares grows each time, so nothing ever goes to and fro.
 */
const drf: Policy = {
  order: (a, b) => a.share - b.share,
  keepsFrom: (short) => short.executors === 0,
  mayTake: (taker, holder, executors) => holder.shareLeft(executors) > taker.share,
};

/** Who is waited for goes before those that wait: else a session of which each task waits would begin all of them. */
const nesting: Policy = {
  order: (a, b) => b.session.depth - a.session.depth,
  keepsFrom: () => undefined,
  mayTake: () => undefined,
};

/** Among equals: older first. Last, and so the one that always has an opinion on the order. */
const age: Policy = {
  order: ({ session: a }, { session: b }) =>
    a.creationTime - b.creationTime || (a.id < b.id ? -1 : 1),
  keepsFrom: () => undefined,
  mayTake: () => undefined,
};

const inOrder: readonly { readonly name: PolicyName; readonly policy: Policy }[] = [
  { name: "priority", policy: priority },
  { name: "drf", policy: drf },
];
