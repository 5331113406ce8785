import type { FieldDifference, RemovalInfo, RevisionInfo } from "../../../client/index.ts";
import { labelled } from "../../output/details.ts";
import { timestamp, unixSeconds } from "../../output/times.ts";
import { changeLines } from "./change-lines.ts";

/** Why a revision was made: `apply`, `rollback to 3`, `apply, forced`. */
export function causeText({ cause, restored, forced }: RevisionInfo): string {
  const why = restored === undefined ? cause : `${cause} to ${restored}`;
  return forced ? `${why}, forced` : why;
}

/** One revision in full: who made it, what it changed, its manifest. */
export function revisionDetails(revision: RevisionInfo): string {
  return [
    labelled("Name", revision.name),
    labelled("Revision", String(revision.number)),
    labelled("Time", timestamp(revision.time)),
    labelled("By", revision.author),
    labelled("Cause", causeText(revision)),
    "Changed:\n",
    changeLines(revision.changes),
    "Manifest:\n",
    revision.manifest.replaceAll(/^(?=.)/gm, "  "),
  ].join("");
}

/** The same for `-o json` and `-o yaml`. */
export function revisionDocument(revision: RevisionInfo): object {
  const { number, time, origin, author, cause, restored, forced, manifest, changes } = revision;
  return {
    revision: number,
    time: unixSeconds(time),
    author,
    origin,
    cause,
    restored: restored ?? null,
    forced,
    changes: changes.map(differenceDocument),
    manifest,
  };
}

/** The end of an application, in the same form: `revision` is the one that it was at. */
export function removalDocument({ revision, time, author }: RemovalInfo): object {
  return { revision, time: unixSeconds(time), author, cause: "unregister" };
}

/** One field; null: not set there. */
export function differenceDocument({ path, before, after }: FieldDifference): object {
  return { path, before: before ?? null, after: after ?? null };
}
