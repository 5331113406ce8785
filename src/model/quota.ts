import type { Identity } from "./caller.ts";

/** What an identity may have at once; absent: as much as the cluster takes. */
export interface QuotaValues {
  readonly maxOpenSessions?: number;
  /** Pending and Running tasks of its sessions. */
  readonly maxOpenTasks?: number;
  /** Inputs of these tasks, and common data of its open sessions. */
  readonly maxOpenBytes?: number;
  /** Executors of its sessions; one whose task waits for tasks of its own is not counted. */
  readonly maxExecutors?: number;
}
export type QuotaName = keyof QuotaValues;

/** One entry of `cluster.security.quotas`. */
export interface Quota extends QuotaValues {
  /** Of tokens, subjects of certificates, and `*` for everybody; each name has the quota for itself. */
  readonly names: readonly string[];
}

/** One value for one identity, and where the configuration says it. */
export interface QuotaLimit {
  readonly max: number;
  /** Such as `cluster.security.quotas[0].max_open_tasks`. */
  readonly key: string;
}
export type QuotaLimits = { readonly [K in QuotaName]?: QuotaLimit };

const keys: Readonly<Record<QuotaName, string>> = {
  maxOpenSessions: "max_open_sessions",
  maxOpenTasks: "max_open_tasks",
  maxOpenBytes: "max_open_bytes",
  maxExecutors: "max_executors",
};

/** What holds for an identity: of each quota, the first entry that is for its name and says it; undefined: nothing. */
export function quotaLimitsOf(
  quotas: readonly Quota[],
  id: Identity["id"],
): QuotaLimits | undefined {
  const name = nameOf(id);
  const limits: { -readonly [K in QuotaName]?: QuotaLimit } = {};
  for (const [at, quota] of quotas.entries()) {
    if (!quota.names.includes("*") && (name === undefined || !quota.names.includes(name))) continue;
    for (const quotaName of Object.keys(keys) as QuotaName[]) {
      const max = quota[quotaName];
      if (max === undefined) continue;
      limits[quotaName] ??= { max, key: `cluster.security.quotas[${at}].${keys[quotaName]}` };
    }
  }
  return Object.keys(limits).length === 0 ? undefined : limits;
}

/** The name of a token or the subject of a certificate; undefined: a token without a name. */
function nameOf(id: Identity["id"]): string | undefined {
  return /^(?:name|certificate) (.*)$/su.exec(id)?.[1];
}
