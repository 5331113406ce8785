import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import type { ReadAnswer } from "../../../src/protocol/generated/flame/logs/v1/node_logs.ts";
import {
  type ManagerUnderTest,
  type Printed,
  startManager,
} from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";
import { ScriptedLogs } from "./scripted-logs.ts";
import { ScriptedWorkNode } from "./scripted-work-node.ts";

let manager: ManagerUnderTest;
let node: ScriptedWorkNode;
let client: FlameClient;
let sessionId: string;
const streams: ScriptedLogs[] = [];

beforeEach(async () => {
  manager = await startManager();
  node = new ScriptedWorkNode(manager.endpoint, "n1");
  await node.register();
  client = new FlameClient({ endpoint: manager.endpoint });
  const session = await client.createSession({ application: "flmping", minInstances: 1 });
  sessionId = session.id;
  await node.bound();
});
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  client.close();
  node.close();
  await manager.close();
});

function logsOf(name: string): ScriptedLogs {
  const stream = new ScriptedLogs(manager.endpoint, name);
  streams.push(stream);
  return stream;
}

const read = (...more: string[]): Promise<Printed> =>
  manager.flmctl("logs", "-s", sessionId, ...more);

/** Waits for so many orders to read. */
const orders = (stream: ScriptedLogs, count: number) =>
  waitFor(`${count} orders`, () => {
    const reads = stream.orders.flatMap((order) => order.reads);
    return reads.length >= count && reads;
  });

const answer = (id: number, text: string, more: Partial<ReadAnswer> = {}): ReadAnswer => ({
  read: id,
  pieces: [{ executorId: "0123456789", stream: "out", taskId: "1", data: Buffer.from(text) }],
  over: true,
  found: true,
  fault: undefined,
  ...more,
});

/** Reads once, which comes to nothing, until the session manager has heard of the stream. */
async function known(stream: ScriptedLogs): Promise<void> {
  await waitFor("the stream to be known", async () => {
    const printed = read();
    const asked = await Promise.race([printed.then(() => undefined), orders(stream, 1)]);
    if (asked === undefined) return false;
    stream.say({ answers: [answer(asked[0]?.read ?? 0, "")] });
    await printed;
    return true;
  });
  stream.orders.length = 0;
}

describe("the session manager and the stream of logs of a node", () => {
  it("says of a node that opens none that it does not send what its services write", async () => {
    const { code, err } = await read();
    expect(code).toBe(0);
    expect(err).toMatch(/^Note: node n1 does not send what its services write, .* older/);
  });

  it("asks for one piece after the other, and forgets the read in the end", async () => {
    const stream = logsOf("n1");
    await known(stream);
    const printed = read("-t", "1").catch(() => undefined);
    // The task does not exist: nothing is asked.
    expect((await printed)?.err).toMatch(/^Error: .*not found/m);
    const whole = read();
    const [first] = await orders(stream, 1);
    expect(first).toMatchObject({ sessionId, taskId: undefined, last: true });
    const id = first?.read ?? 0;
    stream.say({ answers: [answer(id, "one\n", { over: false })] });
    await orders(stream, 2);
    stream.say({ answers: [answer(id, "two\n")] });
    expect(await whole).toEqual({
      code: 0,
      out: "[01234567 task 1] one\n[01234567 task 1] two\n",
      err: "",
    });
    await waitFor("the end of the read", () =>
      stream.orders.some(({ forget }) => forget.includes(id)),
    );
  });

  it("tells what came and why nothing more comes, when the node fails or goes away", async () => {
    const stream = logsOf("n1");
    await known(stream);
    const broken = read();
    const [first] = await orders(stream, 1);
    stream.say({ answers: [answer(first?.read ?? 0, "one\n", { over: false })] });
    await orders(stream, 2);
    stream.close();
    const { out, err } = await broken;
    expect(out).toBe("[01234567 task 1] one\n");
    expect(err).toMatch(/^Note: node n1: .*it went away; what its services wrote is not shown/);

    const next = logsOf("n1");
    await known(next);
    const refused = read();
    const [order] = await orders(next, 1);
    next.say({ answers: [answer(order?.read ?? 0, "", { fault: "the disk is broken" })] });
    expect((await refused).err).toMatch(/^Note: node n1: .*the disk is broken/);
  });

  it("hears the newer of two streams of a node, and refuses one that names none", async () => {
    const older = logsOf("n1");
    await known(older);
    const newer = logsOf("n1");
    await waitFor("the end of the older one", () => older.ended);
    expect(older.ended).toEqual({ code: 0, details: "" });
    await known(newer);
    const nameless = logsOf("");
    await waitFor("the refusal", () => nameless.ended);
    expect(nameless.ended).toMatchObject({ code: 3 });
    expect(nameless.ended?.details).toMatch(/names no node/);
  });
});
