import { describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import { version } from "../../../src/cli/version.ts";
import type { ClusterInfo, LogEntry } from "../../../src/client/index.ts";
import { fakeContext } from "./tools.ts";

const output = (data: string, over: Partial<LogEntry> = {}): LogEntry =>
  ({
    kind: "output",
    executorId: "6f0c1a52-aaaa",
    stream: "out",
    data: Buffer.from(data),
    ...over,
  }) as LogEntry;

const logsOf = (...entries: readonly LogEntry[]) => ({
  readLogs: async function* () {
    yield* entries;
  },
});

describe("flmctl logs", () => {
  it("labels each line by executor, task and stream, and tells notices apart", async () => {
    const context = fakeContext(
      logsOf(
        output("ready\n"),
        output("a\n\nb", { taskId: "3" }),
        output("oops\n", { taskId: "3", stream: "err" }),
        { kind: "notice", text: "look there" },
      ),
    );
    expect(await flmctl(["logs", "-s", "x"], context)).toBe(0);
    expect(context.out()).toBe(
      "[6f0c1a52] ready\n[6f0c1a52 task 3] a\n[6f0c1a52 task 3] \n[6f0c1a52 task 3] b\n[6f0c1a52 task 3 err] oops\n",
    );
    expect(context.err()).toBe("Note: look there\n");
  });

  it("keeps what services print from steering a terminal", async () => {
    const entries = logsOf(output("\u001b[2Jgone\tback\n"));
    const shown = fakeContext(entries, { interactive: true });
    await flmctl(["logs", "-s", "x"], shown);
    expect(shown.out()).toBe("[6f0c1a52] [2Jgone\tback\n");
    const piped = fakeContext(entries);
    await flmctl(["logs", "-s", "x"], piped);
    expect(piped.out()).toContain("\u001b[2J");
  });

  it.each([
    [["logs", "session", "x"], { follow: false }],
    [["logs", "-s", "x", "-t", "3", "-f"], { follow: true, taskId: "3" }],
  ])("asks by %j", async (argv, options) => {
    const asked: unknown[] = [];
    const context = fakeContext({
      readLogs: async function* (...args) {
        asked.push(args);
      },
    });
    expect(await flmctl(argv, context)).toBe(0);
    expect(asked).toEqual([["x", options]]);
  });

  it.each([[["logs"]], [["logs", "app", "x"]]])("refuses %j", async (argv) => {
    const context = fakeContext();
    expect(await flmctl(argv, context)).toBe(1);
    expect(context.err()).toContain("unsupported parameters");
  });
});

describe("flmctl view cluster", () => {
  const cluster: ClusterInfo = {
    name: "main",
    version: "0.7.0",
    startTime: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)),
    storage: { kind: "memory", bytes: 0 },
    counts: [
      { what: "sessions", state: "Closed", count: 7 },
      { what: "sessions", state: "Open", count: 2 },
    ],
    queues: [{ name: "task watchers", size: 4 }],
    nodes: [
      { name: "a", state: "Ready", version: "0.7.0" },
      { name: "b", state: "Unknown" },
    ],
  };

  it("prints versions, storage, nodes, counts and queues", async () => {
    const context = fakeContext({ viewCluster: async () => cluster });
    expect(await flmctl(["view", "cluster"], context)).toBe(0);
    expect(context.out()).toBe(
      `Cluster:       main\nVersions:\n  session manager 0.7.0\n  flmctl ${version}\n` +
        "Serving since: 2026-01-02T03:04:05Z\nStorage:       memory\n" +
        "Nodes:\n  a Ready, executor manager 0.7.0\n  b Unknown\n" +
        "Counts:\n  sessions: 7 Closed, 2 Open\nQueues:\n  4 task watchers\n",
    );
  });

  it("prints one document with -o yaml", async () => {
    const context = fakeContext({ viewCluster: async () => cluster });
    expect(await flmctl(["view", "cluster", "-o", "yaml"], context)).toBe(0);
    expect(context.out()).toContain("counts:\n  sessions:\n    Closed: 7\n    Open: 2\n");
    expect(context.out()).toContain("storage:\n  kind: memory\n  bytes: 0\n  file: null\n");
  });
});
