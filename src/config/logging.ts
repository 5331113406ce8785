import { pino } from "pino";
import type { Logger } from "../kit/logger.ts";
import { type Env, envValue } from "./env.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
type Level = (typeof LEVELS)[number];

/**
 * The level that FLAME_LOG or, in its absence, RUST_LOG asks for; `info` otherwise. Of a filter such as
 * `hyper=warn,debug` the entry without a target counts, else the first.
 */
export function logLevel(env: Env): Level | "silent" {
  const text = envValue(env, "FLAME_LOG") ?? envValue(env, "RUST_LOG") ?? "info";
  const entries = text.split(",").map((entry) => entry.trim().toLowerCase());
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
  };
}
