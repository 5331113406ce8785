import { type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import {
  type FollowRequest,
  type FollowResponse,
  type Lines,
  LogsClient,
} from "../../../src/protocol/generated/flame/logs/v1/logs.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";
import { ScriptedLogs } from "./scripted-logs.ts";
import { ScriptedWorkNode } from "./scripted-work-node.ts";

/** A client that follows, as only a test does. */
class Follower {
  readonly #client: LogsClient;
  readonly #call: ClientDuplexStream<FollowRequest, FollowResponse>;
  readonly got: FollowResponse[] = [];

  constructor(endpoint: string) {
    const options = { "grpc.use_local_subchannel_pool": 1 };
    this.#client = new LogsClient(new URL(endpoint).host, credentials.createInsecure(), options);
    this.#call = this.#client.follow();
    this.#call.on("data", (response: FollowResponse) => this.got.push(response));
    this.#call.on("error", () => undefined);
  }

  begin(...begin: string[]): void {
    this.#call.write({ begin, end: [] });
  }

  end(...end: string[]): void {
    this.#call.write({ begin: [], end });
  }

  stopReading(): void {
    this.#call.pause();
  }

  readOn(): void {
    this.#call.resume();
  }

  get lines(): Lines[] {
    return this.got.flatMap(({ lines }) => lines);
  }

  get notices(): string[] {
    return this.got.flatMap(({ notices }) => notices.map(({ text }) => text));
  }

  get ends(): FollowResponse["ends"] {
    return this.got.flatMap(({ ends }) => ends);
  }

  close(): void {
    this.#call.cancel();
    this.#client.close();
  }
}

let manager: ManagerUnderTest;
let node: ScriptedWorkNode;
let logs: ScriptedLogs;
let client: FlameClient;
let sessionId: string;
let executorId: string;
const open: { close(): void }[] = [];

beforeEach(async () => {
  manager = await startManager();
  node = new ScriptedWorkNode(manager.endpoint, "n1");
  await node.register();
  client = new FlameClient({ endpoint: manager.endpoint });
  logs = opened(new ScriptedLogs(manager.endpoint, "n1"));
});
afterEach(async () => {
  for (const one of open.splice(0)) one.close();
  client.close();
  node.close();
  await manager.close();
});

function opened<T extends { close(): void }>(one: T): T {
  open.push(one);
  return one;
}

const follower = (): Follower => opened(new Follower(manager.endpoint));

async function serve(): Promise<void> {
  const session = await client.createSession({ application: "flmping", minInstances: 1 });
  sessionId = session.id;
  executorId = await node.bound();
}

const line = (text: string, more: Partial<Lines> = {}): Lines => ({
  sessionId,
  executorId,
  stream: "out",
  taskId: "1",
  data: Buffer.from(text),
  leftOut: 0,
  node: "",
  ...more,
});

const follows = (stream = logs): string[] => stream.orders.flatMap(({ follow }) => follow);
const unfollows = (): string[] => logs.orders.flatMap(({ unfollow }) => unfollow);
const syncs = (): number[] => logs.orders.flatMap(({ sync }) => sync);

/** The newest sync, when there is another one than before. */
async function nextSync(before: number): Promise<number> {
  await waitFor("a sync", () => syncs().length > before);
  return syncs().at(-1) ?? 0;
}

describe("a client that follows what a session prints", () => {
  it("is told by the nodes that serve it, which hear of nothing else", async () => {
    const one = follower();
    await serve();
    const quiet = await client.createSession({ application: "flmping", minInstances: 1 });
    await node.bound();
    one.begin(sessionId);
    await waitFor("the order", () => follows().length > 0);
    logs.say({ lines: [line("hello\n"), line("not asked for\n", { sessionId: quiet.id })] });
    logs.say({ lines: [line("missing\n", { leftOut: 7, taskId: undefined, stream: "err" })] });
    await waitFor("the lines", () => one.lines.length === 2);
    expect(one.lines).toEqual([
      line("hello\n", { node: "n1" }),
      line("missing\n", { node: "n1", leftOut: 7, taskId: undefined, stream: "err" }),
    ]);
    expect(follows()).toEqual([sessionId]);
    expect(one.got.flatMap(({ begun }) => begun)).toEqual([sessionId]);
  });

  it("is told nothing by a node that has no executor of the session", async () => {
    const one = follower();
    await serve();
    const other = new ScriptedWorkNode(manager.endpoint, "n2");
    opened(other);
    await other.register();
    const strange = opened(new ScriptedLogs(manager.endpoint, "n2"));
    one.begin(sessionId);
    await waitFor("the order", () => follows().length > 0);
    strange.say({ lines: [line("not of this node\n")] });
    // Whose words are taken after it: a stream of the same node that the session manager has answered.
    const unknown = opened(new ScriptedLogs(manager.endpoint, "n3"));
    await waitFor("the refusal", () => unknown.ended);
    logs.say({ lines: [line("hello\n")] });
    await waitFor("the line", () => one.lines.length > 0);
    expect(one.lines.map(({ data }) => data.toString())).toEqual(["hello\n"]);
    expect(unknown.ended?.details).toBe(
      'Serve: node "n3" is not registered: call RegisterNode first',
    );
  });

  it("has executors that come later told as well, and nodes that come back", async () => {
    const one = follower();
    const session = await client.createSession({ application: "flmping", minInstances: 0 });
    sessionId = session.id;
    one.begin(sessionId);
    const running = session.run(Buffer.from("{}")).catch(() => undefined);
    executorId = await node.bound();
    await waitFor("the order", () => follows().length > 0);
    const again = opened(new ScriptedLogs(manager.endpoint, "n1"));
    await waitFor("the order again", () => follows(again).length > 0);
    again.say({ lines: [line("again\n")] });
    await waitFor("the line", () => one.lines.length > 0);
    const [told] = one.lines;
    expect(told?.data.toString()).toBe("again\n");
    client.close();
    await running;
  });

  it("is told everything that was printed before it ends, and nobody prints for it then", async () => {
    await serve();
    const one = follower();
    const two = follower();
    one.begin(sessionId);
    two.begin(sessionId);
    await waitFor("the order", () => follows().length > 0);
    // Both are known when both have lines.
    await waitFor("both", () => {
      logs.say({ lines: [line("x\n")] });
      return one.lines.length > 0 && two.lines.length > 0;
    });
    one.end(sessionId);
    const first = await nextSync(0);
    logs.say({ lines: [line("the last\n")] });
    logs.say({ synced: [first] });
    await waitFor("the end", () => one.ends.length > 0);
    expect(one.ends).toEqual([{ sessionId, code: 0, message: "" }]);
    expect(one.lines.at(-1)?.data.toString()).toMatch(/the last\n$/);
    expect(unfollows()).toEqual([]);
    two.end(sessionId);
    logs.say({ synced: [await nextSync(1)] });
    await waitFor("the end of the other one", () => two.ends.length > 0);
    expect(unfollows()).toEqual([sessionId]);
  });

  it("does not wait for a node that says nothing, nor for one that has gone", async () => {
    await serve();
    const one = follower();
    one.begin(sessionId);
    await waitFor("the order", () => follows().length > 0);
    const began = performance.now();
    one.end(sessionId);
    await waitFor("the end", () => one.ends.length > 0);
    expect(performance.now() - began).toBeGreaterThan(1_500);
    one.begin(sessionId);
    await waitFor("the order", () => follows().length > 1);
    one.end(sessionId);
    await nextSync(1);
    logs.close();
    await waitFor("the end", () => one.ends.length > 1);
  });

  it("hears of a session that is not there, and of a node that tells nothing", async () => {
    logs.close();
    await serve();
    const one = follower();
    one.begin("nowhere", sessionId);
    await waitFor(
      "the answers",
      () => one.ends.length > 0 && one.got.some((r) => r.notices.length),
    );
    expect(one.ends).toMatchObject([{ sessionId: "nowhere", code: 5 }]);
    const [notice] = one.got.flatMap(({ notices }) => notices);
    expect(notice?.text).toMatch(/^node n1 does not tell what tasks print: .* older/);
  });

  it("hears that a node is away, not that it is older, and is told what it prints when it is back", async () => {
    node.tellsPrints = true;
    await node.register();
    await serve();
    const one = follower();
    one.begin(sessionId);
    await waitFor("the order", () => follows().length > 0);
    logs.close();
    await waitFor("the notice", () => one.notices.length > 0);
    const two = follower();
    two.begin(sessionId);
    await waitFor("the other one's notice", () => two.notices.length > 0);
    const away = `node n1 is away for now: what its tasks print until it is back is not told here, and flmctl logs ${sessionId} shows it later`;
    expect(new Set([...one.notices, ...two.notices])).toEqual(new Set([away]));
    const again = opened(new ScriptedLogs(manager.endpoint, "n1"));
    await waitFor("the order again", () => follows(again).length > 0);
    again.say({ lines: [line("back\n")] });
    await waitFor("the lines", () => one.lines.length > 0 && two.lines.length > 0);
  });

  it("hears nothing of a node whose stream opens a moment after its executor was given the session", async () => {
    logs.close();
    node.tellsPrints = true;
    await node.register();
    await serve();
    const one = follower();
    one.begin(sessionId);
    await waitFor("the begin", () => one.got.some(({ begun }) => begun.length > 0));
    const late = opened(new ScriptedLogs(manager.endpoint, "n1"));
    await waitFor("the order", () => follows(late).length > 0);
    late.say({ lines: [line("late\n")] });
    await waitFor("the line", () => one.lines.length > 0);
    expect(one.notices).toEqual([]);
  });

  it("that does not read is told what was left out, while others are told all", async () => {
    await serve();
    const slow = follower();
    const fast = follower();
    slow.begin(sessionId);
    fast.begin(sessionId);
    await waitFor("both", () => {
      logs.say({ lines: [line("x\n")] });
      return slow.lines.length > 0 && fast.lines.length > 0;
    });
    slow.stopReading();
    const before = fast.lines.length;
    const text = `${"y".repeat(63)}\n`.repeat(1024);
    const told = (): number =>
      fast.lines
        .slice(before)
        .reduce((sum, { data, leftOut }) => sum + leftOut + data.length / 64, 0);
    for (let sent = 1; sent <= 200; sent++) {
      logs.say({ lines: [line(text, { taskId: "2" })] });
      await waitFor("the fast one", () => told() >= sent * 1024);
    }
    expect(fast.lines.some(({ leftOut }) => leftOut > 0)).toBe(false);
    slow.readOn();
    const count = (): { told: number; missing: number } => {
      const all = slow.lines.filter(({ taskId }) => taskId === "2");
      return {
        told: all.reduce((sum, { data }) => sum + data.length / 64, 0),
        missing: all.reduce((sum, { leftOut }) => sum + leftOut, 0),
      };
    };
    await waitFor("all", () => count().told + count().missing === 200 * 1024);
    expect(count().missing).toBeGreaterThan(100 * 1024);
    expect(count().told).toBeGreaterThan(0);
  });
});
