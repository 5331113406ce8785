import { pino } from "pino";
import type { Logger } from "../kit/logger.ts";
import { type Env, envValue } from "./env.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

/** What FLAME_LOG or, in its absence, RUST_LOG asks for, as it is written; `info` otherwise. Daemons and services agree on it. */
export function logFilter(env: Env): string {
  return envValue(env, "FLAME_LOG") ?? envValue(env, "RUST_LOG") ?? "info";
}

/**
 * The level of {@link logFilter}. Of a filter such as `hyper=warn,debug` the entry without a target counts, else the
 * first; a word that names no level is `info`.
 */
export function logLevel(env: Env): Level | "silent" {
  const entries = logFilter(env)
    .split(",")
    .map((entry) => entry.trim().toLowerCase());
  const entry = entries.find((one) => !one.includes("=")) ?? entries[0] ?? "info";
  const word = entry.replace(/^.*=/, "");
  return word === "off" ? "silent" : (LEVELS.find((level) => level === word) ?? "info");
}

/** A daemon's logger: one JSON line a message on stdout, written at once so that a crash loses none. */
export function createLogger(name: string, env: Env): Logger {
  const destination = pino.destination({ dest: 1, sync: true });
  return wrap(
    pino(
      {
        name,
        level: logLevel(env),
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      destination,
    ),
  );
}

function wrap(inner: pino.Logger): Logger {
  return {
    debug: (fields, message) => inner.debug(fields, message),
    info: (fields, message) => inner.info(fields, message),
    warn: (fields, message) => inner.warn(fields, message),
    error: (fields, message) => inner.error(fields, message),
    child: (fields) => wrap(inner.child(fields)),
    isLevelEnabled: (level) => inner.isLevelEnabled(level),
  };
}
