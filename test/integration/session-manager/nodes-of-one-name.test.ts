import { credentials, Metadata } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../../src/kit/logger.ts";
import {
  BackendClient,
  type WatchNodeResponse,
} from "../../../src/protocol/generated/flame/v1/backend.ts";
import { call, failure, status } from "../../conformance/target.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";

const address = String.raw`127\.0\.0\.1:\d+`;

let manager: ManagerUnderTest;
let warnings: { readonly node?: string; readonly warning?: string }[];
let nodes: ScriptedExecutorManager[];

beforeEach(async () => {
  warnings = [];
  nodes = [];
  const warn = (fields: object): void => void warnings.push(fields);
  const logger = { ...silentLogger, warn, child: () => logger };
  manager = await startManager({ logger });
});
afterEach(async () => {
  for (const one of nodes) one.close();
  await manager.close();
});

/** One process that calls itself n1, on a connection of its own. */
class ScriptedExecutorManager {
  readonly #metadata = new Metadata();
  readonly #client: BackendClient;

  /** @param instance as ours tell; the published ones have none */
  constructor(instance?: string) {
    if (instance !== undefined) this.#metadata.set("flame-instance", instance);
    const { hostname, port } = new URL(manager.endpoint);
    // Clients of one process share connections unless they are told not to.
    this.#client = new BackendClient(
      `${hostname}:${Number(port) + 1}`,
      credentials.createInsecure(),
      { "grpc.use_local_subchannel_pool": 1 },
    );
    nodes.push(this);
  }

  register(): Promise<unknown> {
    const node = { metadata: { id: "n1", name: "n1" }, spec: undefined, status: undefined };
    return call(this.#client, "registerNode", { node, executors: [] }, this.#metadata);
  }

  /** Resolves with a function that tells whether the stream is still open. */
  async watch(): Promise<() => boolean> {
    let open = true;
    let heard = false;
    const stream = this.#client.watchNode(this.#metadata);
    stream.on("error", () => (open = false));
    stream.on("end", () => (open = false));
    stream.on("data", (_message: WatchNodeResponse) => (heard = true));
    stream.write({ heartbeat: { nodeName: "n1", status: undefined } });
    await waitFor("an answer on the stream", () => heard || !open);
    return () => open;
  }

  release(): Promise<unknown> {
    return call(this.#client, "releaseNode", { nodeName: "n1" }, this.#metadata);
  }

  close(): void {
    this.#client.close();
  }
}

const listed = async (...argv: string[]): Promise<string> =>
  (await manager.flmctl("list", ...argv)).out;

describe("published executor managers of one name", () => {
  it("take the node from each other: more than 3 times a minute is a warning in the log and in list node", async () => {
    const two = [new ScriptedExecutorManager(), new ScriptedExecutorManager()];
    let stillOpen = (): boolean => true;
    for (let turn = 0; turn < 4; turn++) {
      const before = stillOpen;
      await two[turn % 2]?.register();
      stillOpen = (await two[turn % 2]?.watch()) ?? before;
      if (turn > 0) await waitFor("the other's stream to end", () => !before());
    }
    expect(stillOpen()).toBe(true);
    expect(warnings).toEqual([]);
    expect(await listed("node")).not.toContain("WARNING");

    await two[0]?.register();
    const warning = expect.stringMatching(
      new RegExp(
        `^its executor manager changed 4 times in the last minute, lately from ${address} to ${address}:`,
      ),
    );
    expect(warnings).toEqual([{ node: "n1", warning }]);
    expect(await listed("node")).toMatch(/ WARNING\n[^]*its executor manager changed 4 times/);
    expect(JSON.parse(await listed("node", "-o", "json"))).toEqual([
      expect.objectContaining({ name: "n1", warning }),
    ]);
    // What scripts cut into columns stays as it is published.
    expect(await listed("-n")).not.toMatch(/warning|changed/i);
    expect((await manager.flmctl("view", "node", "n1")).out).toContain("changed 4 times");
    expect((await manager.flmctl("view", "-n", "n1")).out).not.toMatch(/warning|changed/i);
    await two[1]?.register();
    expect(warnings).toHaveLength(1);
  });

  it("that come back on the connection that they had change nothing", async () => {
    const one = new ScriptedExecutorManager();
    for (let times = 0; times < 6; times++) await one.register();
    expect(warnings).toEqual([]);
  });

  it("that leave in order and start again change nothing", async () => {
    for (let times = 0; times < 6; times++) {
      const one = new ScriptedExecutorManager();
      await one.register();
      await one.release();
    }
    expect(warnings).toEqual([]);
  });
});

describe("executor managers of ours with one name", () => {
  it("the second is refused with both addresses, is told of in list node, and changes nothing", async () => {
    const first = new ScriptedExecutorManager("i1");
    const second = new ScriptedExecutorManager("i2");
    await first.register();
    const open = await first.watch();
    for (let asks = 0; asks < 5; asks++) {
      expect(await failure(second.register())).toEqual({
        code: status.alreadyExists,
        details: expect.stringMatching(
          new RegExp(
            `^node n1 is served by another executor manager, at ${address}, heard \\d+ s ago; this one calls from ${address}\\.`,
          ),
        ),
      });
      const stillOpen = await second.watch();
      await waitFor("the end of the stream of who was refused", () => !stillOpen());
      await second.release();
    }
    expect(open()).toBe(true);
    const asks = new RegExp(
      `another executor manager asks for this name, at ${address}, and is refused`,
    );
    expect(warnings).toEqual([{ node: "n1", warning: expect.stringMatching(asks) }]);
    expect(await listed("node")).toMatch(asks);
    await first.release();
    await second.register();
    expect(await listed("node")).toMatch(/n1 +n1 +Ready/);
    expect(await listed("node")).not.toContain("WARNING");
  });

  it("so it is after a restart of the session manager", async () => {
    const first = new ScriptedExecutorManager("i1");
    await first.register();
    await manager.restart();
    expect(await failure(new ScriptedExecutorManager("i2").register())).toMatchObject({
      code: status.alreadyExists,
    });
    await first.register();
    expect(await listed("node")).toMatch(/n1 +n1 +Ready/);
  });

  it("an instance that cannot be read counts as none: the latest wins", async () => {
    await new ScriptedExecutorManager("i1").register();
    await new ScriptedExecutorManager("two words").register();
    await new ScriptedExecutorManager("i3").register();
    expect(await listed("node")).toMatch(/n1 +n1 +Ready/);
  });
});
