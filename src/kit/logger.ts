/** What rooms log through; the composition roots hand in a pino child (see `config/logging.ts`). */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
  /** Whether lines of the level are written; absent: they are. */
  isLevelEnabled?(level: "debug"): boolean;
}

/** Whether it is worth making debug lines. */
export function tellsDebug(logger: Logger): boolean {
  return logger.isLevelEnabled?.("debug") ?? true;
}

/** A logger that drops everything: the default of libraries and of tests that do not look at logs. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
  isLevelEnabled: () => false,
};
