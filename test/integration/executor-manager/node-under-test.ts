import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type FlameHome, flameHomeAt } from "../../../src/config/flame-home.ts";
import { loadClusterConfig } from "../../../src/config/load-cluster-config.ts";
import {
  type ExecutorManager,
  type ExecutorManagerOptions,
  startExecutorManager,
} from "../../../src/executor-manager/compose.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import type { Logger } from "../../../src/kit/logger.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";
import { binding, ScriptedBackend } from "./scripted-backend.ts";

type NodeOptions = Partial<ExecutorManagerOptions> & {
  drainMs?: number;
  shim?: "host" | "wasm";
  warmMax?: number;
};

/** A node and the session manager that it dials, in a home of its own. */
export class NodeUnderTest {
  readonly backend = new ScriptedBackend();
  readonly home: FlameHome;
  readonly logLines: string[] = [];
  #manager: ExecutorManager | undefined;

  readonly #folder = temporaryFolder("node");

  constructor() {
    this.home = flameHomeAt(this.#folder.path);
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
    const { drainMs = 5_000, shim = "host", warmMax = 4, ...rest } = more;
    const config = {
      ...loaded,
      cluster: { ...loaded.cluster, endpoint },
      executors: { ...loaded.executors, shim, drainMs, warmMax, environment: { EXTRA: "1" } },
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
    this.#folder.remove();
  }

  async #watched(): Promise<void> {
    await waitFor("the node's stream", () => this.backend.watched);
  }

  /** The groups of the services that run. */
  servicePids(): number[] {
    const records = join(this.home.run, "services");
    return readdirSync(records).map(
      (name) => (JSON.parse(readFileSync(join(records, name), "utf8")) as { pid: number }).pid,
    );
  }

  /** The process of the first service, as soon as it runs. */
  async firstService(): Promise<number> {
    return waitFor("a service", () => this.servicePids()[0]);
  }

  /** Resolves when the service of exec-1 runs a task that takes a while. */
  async asleep(): Promise<void> {
    const log = join(this.home.logs, "executors/ssn-1/exec-1.err");
    await waitFor("a running task", () => readFileSync(log, "utf8").includes("falling asleep"));
  }

  /** What BindExecutorCompleted was told. */
  bindResults(): { returnCode: number; message?: string }[] {
    return this.backend
      .requests<{ result: { returnCode: number; message?: string } }>("bindExecutorCompleted")
      .map(({ result }) => result);
  }

  /** What CompleteTask was told, as text: the output, or return code and message. */
  texts(): string[] {
    return this.backend.results.map(({ returnCode, output, message }) =>
      returnCode === 0 ? (output?.toString("utf8") ?? "(none)") : `${returnCode} ${message ?? ""}`,
    );
  }

  /** Gives an executor one session with these tasks and waits until it has unregistered. */
  runTasks(spec: Parameters<typeof binding>[0], ...inputs: string[]): Promise<string[]> {
    return this.runTasksWith({}, spec, ...inputs);
  }

  async runTasksWith(
    options: NodeOptions,
    spec: Parameters<typeof binding>[0],
    ...inputs: string[]
  ): Promise<string[]> {
    this.backend.tasks.push(...inputs.map((input) => Buffer.from(input)));
    this.backend.bindings.push(binding(spec), undefined);
    await this.start(options);
    this.backend.push("exec-1");
    await this.backend.called("unregisterExecutor");
    return this.texts();
  }

  /** Resolves when an executor has ended. */
  async ended(): Promise<void> {
    await waitFor("the end", () => this.logLines.some((line) => line.includes("executor ended")));
  }

  #logger(about: object = {}): Logger {
    const line = (level: string) => (fields: object, message: string) => {
      this.logLines.push(`${level} ${message} ${JSON.stringify({ ...about, ...fields })}`);
    };
    return {
      debug: line("debug"),
      info: line("info"),
      warn: line("warn"),
      error: line("error"),
      child: (more) => this.#logger({ ...about, ...more }),
    };
  }
}
