import { connect } from "node:net";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type ClusterConfig } from "../../../src/config/cluster-config.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { startObjectCache } from "../../../src/object-cache/compose.ts";
import { startSessionManager } from "../../../src/session-manager/compose.ts";
import { freePorts } from "../../support/ports.ts";
import { temporaryFolder } from "../../support/temp.ts";

const root = resolve(import.meta.dirname, "../../..");
let folder: { path: string; remove: () => void };
let port: number;
let config: ClusterConfig;

beforeEach(async () => {
  folder = temporaryFolder("listen");
  port = await freePorts(2);
  const loaded = loadClusterConfig({ env: { FLAME_HOME: folder.path, HOME: folder.path } });
  const at = <T extends { endpoint: { scheme: string } }>(part: T): T => ({
    ...part,
    endpoint: { ...part.endpoint, host: "127.0.0.2", port },
    listenHost: "127.0.0.2",
  });
  config = { ...loaded, cluster: at(loaded.cluster), cache: at(loaded.cache) };
});

afterEach(() => folder.remove());

/** What becomes of a connection: undefined when somebody accepts it, else the error's code. */
function dial(host: string, at: number): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = connect({ host, port: at });
    socket.once("error", (error: NodeJS.ErrnoException) => done(error.code));
    socket.once("connect", () => {
      socket.destroy();
      done(undefined);
    });
  });
}

describe("a listener takes the address of its endpoint and no other one", () => {
  it("as the object cache", async () => {
    const running = await startObjectCache({ config, logger: silentLogger, port });
    try {
      expect(await dial("127.0.0.2", port)).toBeUndefined();
      expect(await dial("127.0.0.1", port)).toBe("ECONNREFUSED");
    } finally {
      await running.close();
    }
  });

  it("as the session manager, for clients and for nodes", async () => {
    const manager = await startSessionManager({
      config,
      clock: systemClock,
      logger: silentLogger,
      migrationsFolder: join(root, "migrations/sqlite"),
      defaultsFolder: join(root, "defaults"),
      flameHome: folder.path,
      onFatal: (error) => {
        throw error;
      },
    });
    try {
      for (const at of [port, port + 1]) {
        expect(await dial("127.0.0.2", at)).toBeUndefined();
        expect(await dial("127.0.0.1", at)).toBe("ECONNREFUSED");
      }
    } finally {
      await manager.close();
    }
  });
});
