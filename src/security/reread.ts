import { statSync } from "node:fs";
import type { Clock, Timer } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";

/** How soon a change of a file is seen, in milliseconds. */
const lookEveryMs = 1_000;

/** Files whose content is in use, and what is to be done when they change. */
export interface Reread {
  readonly files: readonly string[];
  /** Such as `cluster.tls`, for the log. */
  readonly key: string;
  /**
   * Reads them and puts their content to use.
   * @returns what to warn of
   * @throws FlameError where they are of no use: what was read before stays in use
   */
  readonly use: () => readonly string[];
}

/** Whoever has to be told. */
export interface RereadDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends a connection at once, by its key. */
  readonly cut: (connection: string) => void;
}

/**
 * Reads files again that have changed (docs/security.md, 1.6). They are looked at, and not watched: what replaces them may be a
 * rename, a mount or a link to another folder.
 * @param afterEach is called after each look: what is over now may have been in force until then
 */
export function rereadOnChange(
  files: readonly Reread[],
  { clock, logger }: Pick<RereadDeps, "clock" | "logger">,
  afterEach: () => void,
): Timer {
  const stamps = files.map(stampOf);
  const look = (): void => {
    for (const [at, one] of files.entries()) {
      const stamp = stampOf(one);
      if (stamp === stamps[at]) continue;
      stamps[at] = stamp;
      readAgain(one, logger);
    }
    afterEach();
    timer = clock.after(lookEveryMs, look);
  };
  let timer = clock.after(lookEveryMs, look);
  return { cancel: () => timer.cancel() };
}

function readAgain({ key, files, use }: Reread, logger: Logger): void {
  try {
    const warnings = use();
    logger.info(
      { key, files },
      "files of cluster.security and tls have changed and were read again",
    );
    for (const warning of warnings) logger.warn({}, warning);
  } catch (thrown) {
    logger.error(
      { key },
      `${textOf(thrown)}; the file has changed and is of no use: what was read before stays in force`,
    );
  }
}

function stampOf({ files }: Reread): string {
  return files
    .map((file) => {
      try {
        const { ino, size, mtimeMs, ctimeMs } = statSync(file);
        return [ino, size, mtimeMs, ctimeMs].join(" ");
      } catch {
        return "none";
      }
    })
    .join(", ");
}
