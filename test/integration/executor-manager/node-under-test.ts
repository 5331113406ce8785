import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { loadClusterConfig } from "../../../src/config/cluster-config.ts";
import { type FlameHome, flameHomeAt } from "../../../src/config/flame-home.ts";
import {
  type ExecutorManager,
  type ExecutorManagerOptions,
  startExecutorManager,
} from "../../../src/executor-manager/compose.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import type { Logger } from "../../../src/kit/logger.ts";
import { waitFor } from "../../support/wait-for.ts";
import { ScriptedBackend } from "./scripted-backend.ts";

type NodeOptions = Partial<ExecutorManagerOptions> & { drainMs?: number; shim?: "host" | "wasm" };

/** A node and the session manager that it dials, in a home of its own. */
export class NodeUnderTest {
  readonly backend = new ScriptedBackend();
  readonly home: FlameHome;
  readonly logLines: string[] = [];
  #manager: ExecutorManager | undefined;

  constructor() {
    this.home = flameHomeAt(mkdtempSync(join(tmpdir(), "flame-node-")));
    mkdirSync(this.home.conf, { recursive: true });
  }

  async startNode(more: NodeOptions = {}): Promise<ExecutorManager> {
    const env = {
      PATH: process.env["PATH"],
      HOME: "/nowhere",
      SECRET: "s",
      FLAME_HOME: this.home.root,
    };
    const loaded = loadClusterConfig({ env });
    const endpoint = {
      ...loaded.cluster.endpoint,
      port: this.backend.port,
      url: `http://127.0.0.1:${this.backend.port}`,
    };
    const { drainMs = 5_000, shim = "host", ...rest } = more;
    const config = {
      ...loaded,
      cluster: { ...loaded.cluster, endpoint },
      executors: { ...loaded.executors, shim, drainMs, environment: { EXTRA: "1" } },
    };
    this.#manager = await startExecutorManager({
      config,
      home: this.home,
      env,
      logger: this.#logger(),
      clock: systemClock,
      nodeName: "node-1",
      serviceStartTimeoutMs: 3_000,
      serviceStopGraceMs: 300,
      ...rest,
    });
    return this.#manager;
  }

  async start(more: NodeOptions = {}): Promise<void> {
    await this.backend.start();
    await (await this.startNode(more)).ready;
    await this.#watched();
  }

  async stopNode(): Promise<void> {
    await this.#manager?.close();
    this.#manager = undefined;
  }

  async close(): Promise<void> {
    await this.stopNode();
    await this.backend.stop();
    rmSync(this.home.root, { recursive: true, force: true });
  }

  async #watched(): Promise<void> {
    await waitFor("the node's stream", () => this.backend.watched);
  }

  #logger(): Logger {
    const line = (level: string) => (fields: object, message: string) => {
      this.logLines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
    const logger: Logger = {
      debug: line("debug"),
      info: line("info"),
      warn: line("warn"),
      error: line("error"),
      child: () => logger,
    };
    return logger;
  }
}

/** Bundles a TypeScript program, so that plain Node runs it. */
export async function bundle(entry: string, outfile: string): Promise<string> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
  return outfile;
}
