import { existsSync } from "node:fs";
import { FlameError } from "../model/errors.ts";

/** Stands beside a database while a backup takes its place: a whole, checked database under another name. */
export function restoringFile(database: string): string {
  return `${database}.restoring`;
}

/** @throws FlameError invalid_config when a restore was cut short while it changed files: they do not belong together. */
export function refuseCutRestore(database: string): void {
  if (!existsSync(restoringFile(database))) return;
  throw new FlameError(
    "invalid_config",
    `a restore of the database ${database} was cut short: run flame restore FILE again; what was there before it is kept ` +
      `in ${database}.before-restore-*`,
  );
}
