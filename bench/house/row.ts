import type { House } from "./house.ts";

/** A bound that a row's median must keep. */
export interface Target {
  readonly at: "least" | "most";
  readonly value: number;
  /** Id of the row of the same run that `value` is a multiple of; absent: `value` is in the row's own unit. */
  readonly of?: string;
}

/** One figure of the report. */
export interface Row {
  readonly id: string;
  readonly unit: string;
  /** What is measured from where to where, for a reader of the table. */
  readonly what: string;
  /** Something per second that is told as a multiple of the row `ppe`, too. */
  readonly throughput?: true;
  readonly target?: Target;
}

/** What one measured run gives. */
export interface Sample {
  /** By the ids of rows. */
  readonly values: Readonly<Record<string, number>>;
  /** Tasks that it ran: CPU is told for each of them. */
  readonly tasks?: number;
  /** What a reader of the figures has to know, such as the number of tasks of this run. */
  readonly note?: string;
  /** Why rows have no value, by their ids. */
  readonly leftOut?: Readonly<Record<string, string>>;
}

/** A bench that is ready to measure: what it needs serves, and the run that warms it up is over. */
export interface Ready {
  once(): Promise<Sample>;
  /** CPU milliseconds so far by process; absent where nobody can tell them apart. */
  cpu?(): CpuByProcess;
  close(): Promise<void>;
}

/** CPU time in milliseconds by who spent it. */
export interface CpuByProcess {
  readonly manager: number;
  readonly node: number;
  readonly services: number;
  readonly client: number;
}

/** Rows that are measured together. */
export interface Bench {
  /** For `--only`, as are the ids of its rows and `family`. */
  readonly id: string;
  readonly family?: string;
  readonly rows: readonly Row[];
  /**
   * machine: no Flame at all. peers: neither, but programs of others, which `--peers` installs. cluster: any one, also that of
   * `--endpoint`. own: one that it starts and configures itself.
   */
  readonly needs: "machine" | "peers" | "cluster" | "own";
  /** Takes so long that it runs only when `--only` names it. */
  readonly onlyWhenNamed?: true;
  /** @throws LeftOut when this machine lacks something that it needs */
  open(house: House): Promise<Ready>;
}

/** Says in a sentence why rows cannot be measured here; no fault. */
export class LeftOut extends Error {}
