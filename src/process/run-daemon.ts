import { errorLine } from "../model/error-line.ts";
import { growHeapSlowly } from "./heap-growth.ts";
import { acquireInstanceLock } from "./instance-lock.ts";
import { closeHome, keepFilesPrivate } from "./private-files.ts";

/** A daemon that has started. */
export interface StartedDaemon {
  /** What `FLAME_HOME/run/<name>.json` tells others. */
  readonly endpoint: string;
  /** Where its metrics can be read; told beside the endpoint. */
  readonly metrics?: string;
  /** When it serves; at once if absent. */
  readonly ready?: Promise<void>;
  /** Stops gracefully. */
  close(): Promise<void>;
}

/** One daemon of a home, from its start to its exit code. */
export interface RunDaemonOptions {
  /** Such as `flame-executor-manager`. */
  readonly name: string;
  readonly version: string;
  /** FLAME_HOME. */
  readonly home: string;
  readonly start: () => Promise<StartedDaemon>;
  /** Gets `Error: ` and the reason when the start or the stop fails. */
  readonly onError: (line: string) => void;
}

/**
 * Claims the daemon's place in its home, starts it, tells others when it serves, and stops it on SIGTERM or
 * SIGINT. A second signal ends the process at once.
 * @returns the exit code: 0 after a graceful stop, 1 when the start or the stop failed.
 */
export async function runDaemon(options: RunDaemonOptions): Promise<number> {
  const { name, version, home } = options;
  const stop = stopSignal();
  growHeapSlowly();
  keepFilesPrivate();
  try {
    const lock = await acquireInstanceLock({ home, name, version });
    closeHome(home);
    try {
      const daemon = await options.start();
      try {
        await Promise.race([daemon.ready ?? Promise.resolve(), stop]);
        await lock.publish(daemon.endpoint, daemon.metrics);
        await stop;
      } finally {
        await daemon.close();
      }
    } finally {
      await lock.release();
    }
    return 0;
  } catch (thrown) {
    options.onError(errorLine(thrown));
    return 1;
  }
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const signals = ["SIGTERM", "SIGINT"] as const;
    const onSignal = (): void => {
      for (const signal of signals) process.removeListener(signal, onSignal);
      resolve();
    };
    for (const signal of signals) process.on(signal, onSignal);
  });
}
