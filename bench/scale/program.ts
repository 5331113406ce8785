// What a session manager with very much in it is filled with and asked; told by its arguments, answers one line of JSON.
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { specOf } from "../../src/manifest/application-schema.ts";
import type { Change } from "../../src/model/change.ts";
import { noTasks } from "../../src/model/session.ts";
import { FrontendService } from "../../src/protocol/generated/flame/v1/frontend.ts";
import { SqliteStore } from "../../src/storage/sqlite-store.ts";
import { LoadClient } from "../overload/loads.ts";
import { ScriptedNodes, workerGpus } from "./scripted-nodes.ts";

/** The application of the closed sessions. */
const crowded = "scale-crowded";
const changesAtOnce = 20_000;
const probePauseMs = 5;
const dayMs = 86_400_000;

const [what = "", address = "", ...rest] = process.argv.slice(2);

/** Writes applications, and closed sessions of one of them, each with some tasks, into a new database. */
async function fill(
  file: string,
  migrationsFolder: string,
  [applications = 0, sessions = 0, tasksOfEach = 0]: readonly number[],
): Promise<unknown> {
  const now = Date.now();
  const store = new SqliteStore({ file, migrationsFolder, fillDefaults: specOf, now });
  let changes: Change[] = [];
  const add = async (...more: readonly Change[]): Promise<void> => {
    changes.push(...more);
    if (changes.length >= changesAtOnce) await store.commit(changes.splice(0));
  };
  for (let index = 0; index < applications; index++) {
    const name = index === 0 ? crowded : `scale-${String(index).padStart(6, "0")}`;
    await add(applicationPut(name, now - 2 * dayMs));
  }
  for (let index = 0; index < sessions; index++)
    await add(...closedSession(`scale-${index}`, now - dayMs + index, tasksOfEach));
  await store.commit(changes);
  changes = [];
  await store.close();
  return { filled: sessions };
}

function applicationPut(name: string, time: number): Change {
  const manifest = { command: "/bin/true", description: `an application named ${name}` };
  return {
    kind: "application.put",
    record: {
      name,
      state: "Enabled",
      creationTime: time,
      revision: 1,
      revisionTime: time,
      origin: "api",
      author: "bench",
      cause: { kind: "register" },
      fieldOwners: {},
      manifest,
      spec: specOf(manifest),
    },
  };
}

/** Nine of ten have left the object cache already. */
function closedSession(id: string, time: number, tasks: number): Change[] {
  const changes: Change[] = [
    {
      kind: "session.put",
      record: {
        id,
        application: crowded,
        applicationRevision: 1,
        state: "Closed",
        creationTime: time,
        completionTime: time + 1_000,
        resreq: { cpu: 1, memory: 1 << 30, gpu: 0 },
        minInstances: 0,
        priority: 0,
        owner: "bench",
        events: [],
      },
    },
  ];
  for (let task = 1; task <= tasks; task++) {
    changes.push({
      kind: "task.put",
      record: {
        sessionId: id,
        id: task,
        state: "Succeed",
        creationTime: time,
        completionTime: time + 500,
        inputBytes: 20,
        outputBytes: 20,
        attempt: 0,
        crashes: 0,
        lostNodes: 0,
        term: 0,
        events: [
          { code: 0, message: "created", creationTime: time },
          { code: 2, message: "succeeded", creationTime: time + 500 },
        ],
      },
      input: Buffer.alloc(20),
      output: Buffer.alloc(20),
    });
  }
  changes.push({
    kind: "session.counts",
    id,
    counts: { ...noTasks(), succeed: tasks },
    lastTaskId: tasks,
  });
  if (!id.endsWith("7")) changes.push({ kind: "sessions.objectsDeleted", ids: [id] });
  return changes;
}

/** Nodes that beat, the first of which runs tasks, until the input of this process ends. */
async function nodes(count: number): Promise<unknown> {
  const all = new ScriptedNodes(address);
  await all.start(count);
  process.stdout.write("ready\n");
  process.stdin.resume();
  await once(process.stdin, "end");
  all.close();
  return { nodes: count };
}

/** Tasks one after the other: each from its creation until its watch has told its end. */
async function tasks(count: number): Promise<unknown> {
  const client = new LoadClient(address);
  const sessionId = `scale-tasks-${process.pid}`;
  const resreq = { cpu: 1n, memory: 1n << 20n, gpu: workerGpus };
  await client.call(FrontendService.createSession, {
    sessionId,
    session: {
      application: "flmping",
      minInstances: 0,
      maxInstances: 1,
      batchSize: 0,
      priority: 0,
      commonData: undefined,
      resreq,
    },
  });
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const begun = performance.now();
    const task = { sessionId, input: undefined, output: undefined };
    const { metadata } = await client.call(FrontendService.createTask, { task });
    const watch = client.watch(sessionId, metadata?.id ?? "");
    watch.resume();
    await once(watch, "end");
    // The first one waits for its executor.
    if (index > 0) times.push(performance.now() - begun);
  }
  await client.call(FrontendService.closeSession, { sessionId });
  client.close();
  return { times, failures: [] };
}

type Listed = "listApplication" | "listSession" | "listNodes";

async function list(method: Listed, runs: number): Promise<unknown> {
  const client = new LoadClient(address);
  const times: number[] = [];
  let items = 0;
  for (let run = 0; run < runs; run++) {
    const begun = performance.now();
    if (method === "listApplication")
      items = (await client.call(FrontendService.listApplication, {})).applications.length;
    else if (method === "listSession")
      items = (await client.call(FrontendService.listSession, {})).sessions.length;
    else items = (await client.call(FrontendService.listNodes, {})).nodes.length;
    times.push(performance.now() - begun);
  }
  client.close();
  return { times, items, failures: [] };
}

/** Takes the crowded application away, and tells how long the call took. */
async function remove(): Promise<unknown> {
  const client = new LoadClient(address);
  const begun = performance.now();
  const { returnCode, message } = await client.call(FrontendService.unregisterApplication, {
    name: crowded,
  });
  if (returnCode !== 0) throw new Error(message);
  const took = performance.now() - begun;
  client.close();
  return { times: [took], failures: [] };
}

/** Calls again and again until the input of this process ends: what another client waits. */
async function probe(): Promise<unknown> {
  const client = new LoadClient(address);
  const times: number[] = [];
  const over = new AbortController();
  process.stdin.resume();
  process.stdin.once("end", () => {
    over.abort();
  });
  await client.call(FrontendService.getApplication, { name: "flmping" });
  process.stdout.write("ready\n");
  while (!over.signal.aborted) {
    const begun = performance.now();
    await client.call(FrontendService.getApplication, { name: "flmping" });
    times.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, probePauseMs));
  }
  client.close();
  return { times, failures: [] };
}

function answer(): Promise<unknown> {
  const [first = "", ...others] = rest;
  switch (what) {
    case "fill":
      return fill(address, first, others.map(Number));
    case "nodes":
      return nodes(Number(first));
    case "tasks":
      return tasks(Number(first));
    case "list":
      return list(first as Listed, Number(others[0]));
    case "remove":
      return remove();
    case "probe":
      return probe();
    default:
      throw new Error(`expected fill, nodes, tasks, list, remove or probe, got ${what}`);
  }
}

process.stdout.write(`${JSON.stringify(await answer())}\n`);
process.exit(0);
