import { renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { encodeWork } from "../../src/cli/flmping/payloads.ts";
import { FlameClient, type Session } from "../../src/client/index.ts";
import { eventCodes } from "../../src/model/event.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { temporaryFolder } from "../support/temp.ts";
import { waitFor } from "../support/wait-for.ts";

const preload = resolve(import.meta.dirname, "../fixtures/jumping-date.mjs");
const day = 86_400_000;
const tasks = 60;
const delayReleaseSeconds = 4;

let folder: ReturnType<typeof temporaryFolder>;
let cluster: TestCluster;
let client: FlameClient;

beforeEach(async () => {
  folder = temporaryFolder("date");
  cluster = await startCluster({
    env: {
      NODE_OPTIONS: `--import ${pathToFileURL(preload).href}`,
      FLAME_TEST_DATE_FILE: dateFile(),
    },
  });
  client = new FlameClient({ endpoint: cluster.endpoint });
});

afterEach(async () => {
  client.close();
  await cluster.close();
  folder.remove();
});

const dateFile = (): string => join(folder.path, "date");

/** Whole at every moment: the daemons look at it all the time. */
function setDate(aheadMs: number): void {
  writeFileSync(`${dateFile()}.new`, String(aheadMs));
  renameSync(`${dateFile()}.new`, dateFile());
}

/** A day as the session manager writes it into what it makes. */
async function dayOfTheManager(): Promise<number> {
  const session = await client.createSession({ application: "flmping" });
  await session.close();
  return Math.round((session.info.creationTime.getTime() - Date.now()) / day);
}

async function begin(): Promise<{ session: Session; ends: Promise<unknown> }> {
  const session = await client.createSession({ application: "flmping" });
  const input = encodeWork({ duration: 50, memory: null });
  const ends = Promise.all(Array.from({ length: tasks }, () => session.run(input)));
  await waitFor("some tasks done", async () => (await session.get()).succeed > 5);
  return { session, ends };
}

describe.each([
  ["forward", day],
  ["back", -day],
])("a date that is set a day %s", (_, byMs) => {
  it("loses no node, runs no task again and holds no executor", async () => {
    const { session, ends } = await begin();
    setDate(byMs);
    await ends;
    expect(await dayOfTheManager()).toBe(Math.sign(byMs));
    expect(await session.get()).toMatchObject({ succeed: tasks, failed: 0, events: [] });
    for await (const task of session.listTasks())
      expect(task.events.map(({ code }) => code)).not.toContain(eventCodes.taskRequeued);
    expect((await client.listNodes()).map(({ state }) => state)).toEqual(["Ready"]);
    expect(cluster.daemon("flame-executor-manager").log()).not.toContain("no connection");
    await session.close();
    await waitFor("no executor", async () => (await client.listExecutors()).length === 0);
  });

  it("changes nothing in how long an executor waits for its next task", async () => {
    const { spec } = await client.getApplication("flmping");
    await client.registerApplication("waits", { ...spec, delay_release: delayReleaseSeconds });
    const session = await client.createSession({ application: "waits" });
    await session.run();
    const began = performance.now();
    setDate(byMs);
    await waitFor("no executor", async () => (await client.listExecutors()).length === 0, {
      deadlineMs: 60_000,
    });
    expect(performance.now() - began).toBeGreaterThan(900 * delayReleaseSeconds);
    await session.close();
  });

  it("and a restart of the session manager after it lose no task", async () => {
    const { session, ends } = await begin();
    setDate(byMs);
    await cluster.daemon("flame-session-manager").restart("SIGKILL");
    await ends.catch(() => undefined);
    await waitFor(
      "the end of every task",
      async () => {
        const { pending, running } = await session.get();
        return pending + running === 0;
      },
      { deadlineMs: 60_000 },
    );
    expect((await session.get()).failed).toBe(0);
    await session.close();
    await waitFor("no executor", async () => (await client.listExecutors()).length === 0);
  });
});
