import { type Quota, type QuotaLimits, quotaLimitsOf } from "../model/quota.ts";

/** What one identity has open at this moment, and what it may have. */
export interface OwnerTally {
  readonly limits: QuotaLimits;
  sessions: number;
  /** Pending and Running ones of its sessions, whoever submitted them. */
  tasks: number;
  /** Inputs of these tasks, and common data of its open sessions. */
  bytes: number;
}

/**
 * Whose open sessions take how much, of the identities that have a quota. Nothing of it is stored: a start counts the open
 * sessions and tasks that it reads anyway.
 */
export class OwnerBook {
  readonly #quotas: readonly Quota[];
  /** Undefined: without a quota. As many as there are names in token files and certificates: none is taken out. */
  readonly #tallies = new Map<string, OwnerTally | undefined>();

  constructor(quotas: readonly Quota[] = []) {
    this.#quotas = quotas;
  }

  /** @param id of an identity; undefined: nobody was asked who calls. @returns undefined where no quota holds */
  of(id: string | undefined): OwnerTally | undefined {
    if (id === undefined || this.#quotas.length === 0) return undefined;
    if (!this.#tallies.has(id)) this.#tallies.set(id, this.#newTally(id));
    return this.#tallies.get(id);
  }

  #newTally(id: string): OwnerTally | undefined {
    const limits = quotaLimitsOf(this.#quotas, id);
    return limits && { limits, sessions: 0, tasks: 0, bytes: 0 };
  }
}
