import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CliContext, processContext } from "../../src/cli/context.ts";
import { flmctl } from "../../src/cli/flmctl/program.ts";
import { loadClusterConfig } from "../../src/config/load-cluster-config.ts";
import type { ConnectionTimes } from "../../src/connections/connection-guard.ts";
import { systemClock } from "../../src/kit/clock.ts";
import { type Logger, silentLogger } from "../../src/kit/logger.ts";
import { type SessionManager, startSessionManager } from "../../src/session-manager/compose.ts";
import { freePorts } from "./ports.ts";
import { temporaryFolder } from "./temp.ts";

const root = join(import.meta.dirname, "../..");

/** What a command line printed and how it ended. */
export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A real session manager on SQLite in this process, and flmctl to ask it. */
export interface ManagerUnderTest {
  readonly home: string;
  readonly endpoint: string;
  readonly context: CliContext;
  flmctl(...argv: string[]): Promise<Printed>;
  /** Writes a file into the home and tells its path. */
  file(name: string, text: string): string;
  /** Stops and starts it again. @param meanwhile runs while it is down */
  restart(meanwhile?: () => void): Promise<void>;
  close(): Promise<void>;
}

export interface ManagerOptions {
  /** Runs before the first start. @param home FLAME_HOME */
  readonly prepare?: (home: string) => void;
  /** More keys of the section `cluster`, as JSON. */
  readonly cluster?: object;
  /** Keys of the section `cache`, as JSON. */
  readonly cache?: object;
  /** What is shipped. @default the repository's own defaults */
  readonly defaultsFolder?: string;
  /** How long connections live. */
  readonly connectionTimes?: Partial<ConnectionTimes>;
  /** Gets what the session manager logs. */
  readonly logger?: Logger;
}

export async function startManager(options: ManagerOptions = {}): Promise<ManagerUnderTest> {
  const folder = temporaryFolder("flmctl");
  const home = folder.path;
  const port = await freePorts(2);
  const endpoint = `http://127.0.0.1:${port}`;
  const file = (name: string, text: string): string => {
    const path = join(home, name);
    writeFileSync(path, text);
    return path;
  };
  const cluster = { name: "test", endpoint, ...options.cluster };
  const path = file("cluster.yaml", JSON.stringify({ cluster, cache: options.cache ?? {} }));
  const config = loadClusterConfig({ path, env: { FLAME_HOME: home, HOME: home } });
  const start = (): Promise<SessionManager> =>
    startSessionManager({
      config,
      clock: systemClock,
      logger: options.logger ?? silentLogger,
      migrationsFolder: join(root, "migrations/sqlite"),
      defaultsFolder: options.defaultsFolder ?? join(root, "defaults"),
      flameHome: home,
      ...(options.connectionTimes !== undefined && { connectionTimes: options.connectionTimes }),
      onFatal: (error) => {
        throw error;
      },
    });
  options.prepare?.(home);
  let manager = await start().catch((thrown: unknown) => {
    folder.remove();
    throw thrown;
  });
  const env = { FLAME_ENDPOINT: endpoint, HOME: home };
  const context = (print: Partial<CliContext["terminal"]> = {}): CliContext => {
    const drop = (): void => undefined;
    return processContext({
      terminal: { out: drop, err: drop, interactive: false, ...print },
      env,
    });
  };
  return {
    home,
    endpoint,
    context: context(),
    file,
    async flmctl(...argv) {
      const printed = { out: "", err: "" };
      const out = (text: string): void => void (printed.out += text);
      const err = (text: string): void => void (printed.err += text);
      return { code: await flmctl(argv, context({ out, err })), ...printed };
    },
    async restart(meanwhile) {
      await manager.close();
      meanwhile?.();
      manager = await start();
    },
    async close() {
      await manager.close();
      folder.remove();
    },
  };
}
