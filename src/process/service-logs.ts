import { join } from "node:path";

/** Folder of the output of all services: a folder per session in it, two files per executor in that. */
export function serviceLogFolder(flameHome: string): string {
  return join(flameHome, "logs", "executors");
}

/** Folder of what services wrote for one session. */
export function sessionLogFolder(flameHome: string, sessionId: string): string {
  // Ids have no separators and no "..", but one may begin with a point, as our own folders do. A leading % is escaped as
  // well: else ".x" and "%2Ex" had one folder.
  return join(
    serviceLogFolder(flameHome),
    sessionId.replace(/^[.%]/, (first) => (first === "." ? "%2E" : "%25")),
  );
}

/** File by which an executor manager shows that its node shares this FLAME_HOME; says where its logs lie. */
export function nodeMarkFile(flameHome: string, node: string): string {
  return join(serviceLogFolder(flameHome), ".nodes", encodeURIComponent(node));
}
