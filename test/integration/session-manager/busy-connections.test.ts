import { constants } from "node:http2";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { LoadClient, openSessions, queueTasks } from "../../../bench/overload/loads.ts";
import { FrontendService as frontend } from "../../../src/protocol/generated/flame/v1/frontend.ts";
import { Task, TaskState } from "../../../src/protocol/generated/flame/v1/types.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { onMessage, PlainClient } from "../../support/plain-http2.ts";
import { waitFor } from "../../support/wait-for.ts";

const final: readonly number[] = [TaskState.Succeed, TaskState.Failed, TaskState.Cancelled];

let manager: ManagerUnderTest;
let loader: LoadClient;
let client: PlainClient;

beforeEach(async () => {
  manager = await startManager();
  loader = new LoadClient(manager.endpoint.replace("http://", ""));
});
afterEach(async () => {
  client.destroy();
  loader.close();
  await manager.close();
});

/**
 * Watches a task as published clients do: when the terminal message is among what was read, the stream is dropped. It is
 * reset by that, unless what was read held its end as well.
 */
function watch(sessionId: string, taskId: number, onFinal: () => void, onBroken: () => void): void {
  const { path, requestSerialize } = frontend.watchTask;
  const stream = client.send(path, requestSerialize({ sessionId, taskId: String(taskId) }));
  let ended = false;
  onMessage(stream, (message) => {
    const { status } = Task.decode(message);
    if (ended || !final.includes(status?.state ?? -1)) return;
    ended = true;
    onFinal();
    // Node's client would reset even what it has read to the end, while it is still parsing it.
    setImmediate(() => {
      stream.close(constants.NGHTTP2_CANCEL);
    });
  });
  stream.on("close", () => {
    if (!ended) onBroken();
  });
}

describe("a connection of a busy client", () => {
  it("watches 20,000 tasks and resets each watch at its terminal message, and goes on", async () => {
    const count = 20_000;
    await openSessions([loader], "s", 1);
    expect(await queueTasks([loader], "s", { count, sessions: 1 })).toMatchObject({
      answered: count,
    });
    client = new PlainClient(manager.endpoint);
    let seen = 0;
    let broken = 0;
    for (let id = 1; id <= count; id++) {
      watch(
        "s-0",
        id,
        () => seen++,
        () => broken++,
      );
    }
    const one = await new Promise<string>((resolve) => {
      watch(
        "s-0",
        1,
        () => resolve("final"),
        () => resolve("broken"),
      );
      void loader.call(frontend.closeSession, { sessionId: "s-0" });
    });
    await waitFor("the end of every watch", () => seen + broken === count, { deadlineMs: 300_000 });
    expect({ one, seen, broken, goaway: client.goaway }).toEqual({
      one: "final",
      seen: count,
      broken: 0,
      goaway: undefined,
    });
  }, 600_000);

  it("that resets streams before anything came is still told to go away", async () => {
    client = new PlainClient(manager.endpoint);
    const { path } = frontend.getTask;
    const flood = setInterval(() => {
      if (client.goaway !== undefined || client.closed) return;
      for (let n = 0; n < 200; n++) client.open(path).close(constants.NGHTTP2_CANCEL);
    }, 1);
    await waitFor("GOAWAY", () => client.goaway !== undefined || client.closed);
    clearInterval(flood);
    expect(client.goaway).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  });
});
