import type { Logger } from "../../kit/logger.ts";
import { textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import { captureOutput } from "../../process/capture-output.ts";
import { damagedText, integrityCheckArguments } from "../../storage/integrity.ts";

/** A finding is a line or two. */
const findingBytesMax = 64 * 1024;

export interface IntegrityCheckDeps {
  /** The database, which is in use meanwhile. */
  readonly file: string;
  readonly logger: Logger;
  /** The database is damaged: nothing may be served from it any more. */
  readonly onDamage: (error: Error) => void;
}

/**
 * Checks a large database beside serving, in a process of its own, so that a start does not wait for it and nobody is held.
 * @returns how to end it early.
 */
export function startIntegrityCheck(deps: IntegrityCheckDeps): () => void {
  const ended = new AbortController();
  void check(deps, ended.signal);
  return () => ended.abort();
}

async function check(
  { file, logger, onDamage }: IntegrityCheckDeps,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { output, exit } = await captureOutput({
      command: process.execPath,
      args: integrityCheckArguments(file),
      cwd: "/",
      env: {},
      input: Buffer.alloc(0),
      outputBytesMax: findingBytesMax,
      signal,
    });
    if (signal.aborted) return;
    const found = output.toString().trim();
    if (found === "ok") logger.info({ file }, "the database was checked and is whole");
    else if (found === "") logger.warn({ file, ...exit }, "the database could not be checked");
    else onDamage(new FlameError("invalid_config", `${damagedText(file)}: ${found}`));
  } catch (thrown) {
    logger.warn({ file, reason: textOf(thrown) }, "the database could not be checked");
  }
}
