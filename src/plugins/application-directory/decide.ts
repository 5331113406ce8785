import { dirname } from "node:path";
import { type Claim, type ClaimFault, claimsOf } from "../../manifest-directory/claims.ts";
import type { ManifestFile } from "../../manifest-directory/manifest-file.ts";
import type { ApplicationRecord } from "../../model/application.ts";

/** What the directory and the registry hold. */
export interface Situation {
  /** Absolute. */
  readonly folder: string;
  readonly files: ReadonlyMap<string, ManifestFile>;
  readonly records: readonly ApplicationRecord[];
}

/** An application that is to be as a file says. */
export interface DesiredApplication extends Claim {
  /** The file of this directory that kept it and speaks for it no more. */
  readonly takesOver?: string;
}

/** An application whose file is gone, or says nothing about it any more. */
export interface Departure {
  readonly record: ApplicationRecord;
  readonly path: string;
  /** The file alone made it: it goes along. Otherwise it only loses its owner and what the file set. */
  readonly remove: boolean;
}

export interface Decision {
  readonly desired: ReadonlyMap<string, DesiredApplication>;
  readonly departures: readonly Departure[];
  readonly faults: readonly ClaimFault[];
}

/** What the directory wants of the registry. Pure: the same situation, the same decision. */
export function decide({ folder, files, records }: Situation): Decision {
  const ours = records.filter(({ owner }) => owner !== undefined && dirname(owner) === folder);
  const keepers = new Map(ours.map(({ name, owner }) => [name, owner ?? ""]));
  const claims = claimsOf(files.values(), keepers);
  const desired = new Map<string, DesiredApplication>();
  const faults = [...claims.faults];
  for (const [name, claim] of claims.applications) {
    const keeper = keepers.get(name);
    if (keeper === undefined || keeper === claim.path) desired.set(name, claim);
    else if (files.get(keeper)?.ok === false) faults.push(keptByBroken(name, claim.path, keeper));
    else desired.set(name, { ...claim, takesOver: keeper });
  }
  const departures = ours.flatMap((record): readonly Departure[] => {
    const path = record.owner ?? "";
    const leaving = record.state === "Disabled";
    const claimed = claims.applications.has(record.name) || files.get(path)?.ok === false;
    if (leaving || claimed) return [];
    const alone = record.createdBy === path && record.lastSeeded === undefined;
    return [{ record, path, remove: alone }];
  });
  return { desired, departures, faults };
}

/** Whether it moved can be said when the file that keeps it can be read. */
function keptByBroken(name: string, path: string, keeper: string): ClaimFault {
  const reason = `got the application ${name}, which ${keeper} keeps, and that file has faults of its own; mend it first`;
  return { name, path, reason };
}
