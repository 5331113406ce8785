import { EventEmitter } from "node:events";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { LiveLogs } from "../../../src/executor-manager/logs/live-logs.ts";
import { type LogCall, LogOutbox } from "../../../src/executor-manager/logs/log-outbox.ts";
import type { NodeWord } from "../../../src/protocol/generated/flame/logs/v1/node_logs.ts";
import { TestClock } from "../../support/test-clock.ts";
import { turns } from "./scripted-call.ts";

/** A stream of logs whose other end is the test. */
class ScriptedLogCall extends EventEmitter {
  readonly written: NodeWord[] = [];

  write(word: NodeWord): boolean {
    this.written.push(word);
    return true;
  }

  /** What left, in its order: lines as text, answers as numbers. */
  get said(): (string | number)[] {
    return this.written.flatMap(({ lines, synced }) => [
      ...lines.map(({ data }) => data.toString()),
      ...synced,
    ]);
  }
}

let live: LiveLogs;
let call: ScriptedLogCall;
let outbox: LogOutbox;

beforeEach(() => {
  live = new LiveLogs();
  call = new ScriptedLogCall();
  outbox = new LogOutbox(call as unknown as LogCall, live, new TestClock());
  live.follow(["s1"]);
});

describe("the answer that all was told", () => {
  test("comes at once where nothing waits", async () => {
    outbox.sync([1, 2]);
    await turns();
    expect(call.said).toEqual([1, 2]);
  });

  test("comes behind what the disk held up, and not before it", async () => {
    const { out } = live.tapsOf({ executorId: "e1", sessionId: "s1" });
    out.came(Buffer.from("one\n"), "task 1");
    out.behind();
    outbox.sync([1]);
    await turns();
    expect(call.said).toEqual(["one\n"]);
    out.came(Buffer.from("two"), "task 1");
    out.ended();
    await turns();
    expect(call.said).toEqual(["one\n", "two", 1]);
  });

  test("does not wait for a session that nobody follows", async () => {
    const { out } = live.tapsOf({ executorId: "e2", sessionId: "s2" });
    out.came(Buffer.from("nobody\n"), "task 1");
    out.behind();
    outbox.sync([1]);
    await turns();
    expect(call.said).toEqual([1]);
  });
});
