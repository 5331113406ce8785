import type { RegistryApplication } from "../../../client/index.ts";
import { labelled, listed } from "../../output/details.ts";
import { timestamp, unixSeconds } from "../../output/times.ts";
import { changeLines } from "./change-lines.ts";
import { causeText, differenceDocument } from "./revision-text.ts";

/** What the registry knows of an application beyond its manifest, below the published layout of `view app`. */
export function registryDetails(application: RegistryApplication): string {
  const { state, revision, owner, openSessions, fieldOwners, shipped, drift, faults } = application;
  const by = `${causeText(revision)} by ${revision.author} at ${timestamp(revision.time)}`;
  return [
    labelled("State", state),
    labelled("Revision", `${revision.number}, ${by}`),
    labelled("Owner", owner ?? ""),
    labelled("Open Sessions", openSessions?.toString() ?? ""),
    listed(
      "Fields",
      fieldOwners.map((field) => fieldText(field)),
      "  ",
    ),
    shipped ? driftText(drift) : "",
    listed(
      "Faults",
      faults.map(({ source, reason, time }) => `${source}, since ${timestamp(time)}: ${reason}`),
      "  ",
    ),
  ].join("");
}

/** `command: set by defaults/flmrun.yaml (default)`. */
function fieldText({
  path,
  origin,
  author,
  removed,
}: RegistryApplication["fieldOwners"][number]): string {
  return `${path}: ${removed ? "removed" : "set"} by ${author} (${origin})`;
}

function driftText(drift: RegistryApplication["drift"]): string {
  if (drift.length === 0) return labelled("Default", "as shipped");
  return `${labelled("Default", "differs: - is what is shipped, + what is there")}${changeLines(drift)}`;
}

/** The same for `-o json`, beside the manifest. */
export function registryDocument(application: RegistryApplication): object {
  const { state, creationTime, revision, owner, openSessions, shipped, drift } = application;
  return {
    state,
    creation_time: unixSeconds(creationTime),
    revision: revision.number,
    revision_time: unixSeconds(revision.time),
    author: revision.author,
    cause: causeText(revision),
    owner: owner ?? null,
    open_sessions: openSessions ?? null,
    shipped,
    drift: drift.map(differenceDocument),
    fields: application.fieldOwners,
    faults: application.faults.map((fault) => ({ ...fault, time: unixSeconds(fault.time) })),
  };
}
