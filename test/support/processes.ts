import { readdirSync, readFileSync } from "node:fs";

/** What /proc says of a process: a file of its folder, ended by a NUL; empty when it is gone, or not ours to look at. */
export function processFile(pid: number, file: "environ" | "cmdline"): string {
  try {
    return `${readFileSync(`/proc/${pid}/${file}`, "utf8")}\0`;
  } catch {
    return "";
  }
}

/** Ids of the processes of which a file of their folder in /proc holds a text. */
export function processesWith(file: "environ" | "cmdline", text: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && processFile(pid, file).includes(text));
}
