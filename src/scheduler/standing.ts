import { addResources, noResources, type Resources } from "../model/resources.ts";
import type { SessionDemand, Snapshot } from "./ports.ts";

/** How one session stands while a decision is being made: what it has, and what share of the cluster that is. */
export class Standing {
  readonly session: SessionDemand;
  /** Executors that it was given or promised in this round. */
  given = 0;
  /** Executors that it holds and that are to leave it for others. */
  away = 0;
  /** Part of the cluster that one of its executors takes. */
  readonly #one: number;

  constructor(session: SessionDemand, one: number) {
    this.session = session;
    this.#one = one;
  }

  get executors(): number {
    return this.session.held + this.given - this.away;
  }

  /** Its dominant share: the largest of its parts of all cpu, memory, gpu and places for executors. */
  get share(): number {
    return this.#shareOf(this.executors);
  }

  /** What its share is once so many more executors have left it; those that are only promised to it do not count. */
  shareLeft(executors: number): number {
    return this.#shareOf(this.session.held - this.away - executors);
  }

  /** In whole billionths, so that equal sums of fractions are equal. */
  #shareOf(executors: number): number {
    return Math.round(executors * this.#one * 1e9);
  }
}

/** The standing of each session as the round begins. */
export function standings(snapshot: Snapshot): Standing[] {
  let total = noResources;
  for (const node of snapshot.nodes) total = addResources(total, node.allocatable);
  const places = snapshot.executorsPerNodeMax * snapshot.nodes.length;
  return snapshot.sessions.map(
    (session) => new Standing(session, dominantShare(session.resreq, total, places)),
  );
}

/** What a session asks for that no Ready node has at all gives it no share: no node suits it anyway. */
function dominantShare(need: Resources, total: Resources, places: number): number {
  const part = (some: number, all: number): number => (all > 0 ? some / all : 0);
  return Math.max(
    part(need.cpu, total.cpu),
    part(need.memory, total.memory),
    part(need.gpu, total.gpu),
    // What asks for nothing takes a place all the same.
    part(1, places),
  );
}
