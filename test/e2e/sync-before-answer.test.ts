import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../src/client/index.ts";
import { TasksResponse } from "../../src/protocol/generated/flame/stream/v1/clients.ts";
import { WorkResponse } from "../../src/protocol/generated/flame/stream/v1/nodes.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import {
  noRecorder,
  recorderEnvironment,
  type SentMessage,
  SyncTrace,
} from "../support/sync-trace.ts";
import { TaskStreamClient } from "../support/task-stream-client.ts";
import { temporaryFolder } from "../support/temp.ts";
import { waitFor } from "../support/wait-for.ts";

const tasks = 40;
const reason = noRecorder();
if (reason !== undefined) process.stderr.write(`sync-before-answer.test.ts: skipped, ${reason}\n`);
const withRecorder = reason === undefined ? describe : describe["skip"];

let folder: ReturnType<typeof temporaryFolder>;
let cluster: TestCluster;
let client: FlameClient;
let record: string;

beforeAll(async () => {
  if (reason !== undefined) return;
  folder = temporaryFolder("recorder");
  record = join(folder.path, "record");
  cluster = await startCluster({ env: recorderEnvironment(folder.path, record) });
  client = new FlameClient({ endpoint: cluster.endpoint });
});

afterAll(async () => {
  client?.close();
  await cluster?.close();
  folder?.remove();
});

/** What one task is to do, and what comes of it as flmexec answers it: numbers of bytes. */
const inputOf = (session: string, task: number): string => `echo ${session}-${task}-ends`;
const outputOf = (session: string, task: number): string =>
  [...Buffer.from(`${session}-${task}-ends`)].join(",");

/**
 * Runs tasks, some at once, behind one more that is to bind an executor: to a bound one leases leave early.
 * @returns the session's id
 */
async function runTasks(atOnce: number): Promise<string> {
  const session = await client.createSession({ application: "flmexec" });
  const { id } = session;
  await session.run(codeOf(id, tasks));
  for (let first = 0; first < tasks; first += atOnce) {
    const some = Array.from({ length: atOnce }, (_, task) => first + task);
    const ended = await Promise.all(some.map((task) => session.run(codeOf(id, task))));
    expect(ended.map(({ output }) => String(output))).toEqual(
      some.map((task) => expect.stringContaining(outputOf(id, task))),
    );
  }
  await session.close();
  return id;
}

/** The messages of the node's work stream, in order. */
function workOf(sent: readonly SentMessage[], session: string) {
  const handsOut = ({ bytes }: SentMessage): boolean => {
    try {
      return WorkResponse.decode(bytes).assignments.some(({ sessionId }) => sessionId === session);
    } catch {
      return false;
    }
  };
  const first = sent.find(handsOut);
  return sent
    .filter(({ connection, call }) => connection === first?.connection && call === first.call)
    .map(({ at, bytes }) => ({ at, message: WorkResponse.decode(bytes) }));
}

const codeOf = (session: string, task: number): Buffer =>
  Buffer.from(JSON.stringify({ language: "shell", code: inputOf(session, task) }));

/** Submits tasks on a stream, some in one batch, and waits for their results; task 0 is number 1. @returns the session's id */
async function submitTasks(atOnce: number): Promise<string> {
  const session = await client.createSession({ application: "flmexec" });
  const { id } = session;
  const stream = new TaskStreamClient(cluster.endpoint.replace("http://", ""));
  stream.lane(1, id, "p");
  stream.send({ credit: { results: tasks, bytes: 1024 * 1024 } });
  for (let first = 0; first < tasks; first += atOnce) {
    const batch = Array.from({ length: atOnce }, (_, at) => codeOf(id, first + at));
    stream.submit(first + 1, batch);
    await waitFor("their results", () => stream.results.length >= first + atOnce, {
      deadlineMs: 60_000,
    });
  }
  stream.close();
  await session.close();
  return id;
}

/** The messages of the stream on which the results of a session left, in order. */
function resultsOf(sent: readonly SentMessage[], session: string) {
  const isOfIt = ({ bytes }: SentMessage): boolean => {
    try {
      const outputs = TasksResponse.decode(bytes).results.flatMap(({ results }) => results);
      return outputs.some(({ output }) => output?.includes(outputOf(session, 0)) === true);
    } catch {
      return false;
    }
  };
  const first = sent.find(isOfIt);
  return sent
    .filter(({ connection, call }) => connection === first?.connection && call === first.call)
    .map(({ at, bytes }) => ({ at, message: TasksResponse.decode(bytes) }));
}

/** Whether it hands the task of this input out: leases alone may leave before their tasks are on disk. */
function handsOut({ bytes }: SentMessage, input: string): boolean {
  try {
    return WorkResponse.decode(bytes).assignments.some(
      (one) => one.input?.includes(input) === true,
    );
  } catch {
    return false;
  }
}

withRecorder("a sync of the database's log", () => {
  it.each([1, 20])(
    "lies between a write and all that leaves of it but leases, with %d tasks at once",
    async (atOnce) => {
      const session = await runTasks(atOnce);
      const trace = new SyncTrace(record);
      const sent = trace.sent();
      const early: unknown[] = [];
      const leases: unknown[] = [];
      for (let task = 0; task < tasks; task++)
        for (const text of [inputOf(session, task), outputOf(session, task)]) {
          const words = sent.filter(({ bytes }) => bytes.includes(text));
          expect({ text, left: words.length > 0 }).toEqual({ text, left: true });
          for (const word of words.filter(({ at }) => !trace.syncedBefore(text, at)))
            (handsOut(word, text) ? leases : early).push(word);
        }
      expect(early).toEqual([]);
      expect(leases.length).toBeGreaterThan(0);

      const taskOf = new Map<string, number>();
      const acknowledged = new Set<number>();
      for (const { at, message } of workOf(sent, session)) {
        for (const { lease, sessionId, input } of message.assignments)
          if (sessionId === session)
            taskOf.set(lease, Number(/-(\d+)-ends/.exec(String(input))?.[1]));
        for (const lease of message.acknowledgements.flatMap(({ leases }) => leases)) {
          const task = taskOf.get(lease);
          if (task === undefined) continue;
          acknowledged.add(task);
          if (!trace.syncedBefore(outputOf(session, task), at)) early.push({ task, lease });
        }
      }
      expect(early).toEqual([]);
      expect(acknowledged.size).toBe(tasks + 1);
    },
  );

  it.each([1, 20])(
    "lies between a submit or a result and its word on the client's stream, with batches of %d",
    async (atOnce) => {
      const session = await submitTasks(atOnce);
      const trace = new SyncTrace(record);
      const early: unknown[] = [];
      const acknowledged = new Set<number>();
      const ended = new Set<number>();
      for (const { at, message } of resultsOf(trace.sent(), session)) {
        for (const { first, count } of message.acknowledgements)
          for (let task = Number(first) - 1; task < Number(first) - 1 + count; task++) {
            acknowledged.add(task);
            if (!trace.syncedBefore(inputOf(session, task), at)) early.push({ submit: task });
          }
        for (const { first, results } of message.results)
          for (const { offset, output } of results) {
            const task = Number(first) + offset - 1;
            ended.add(task);
            expect(String(output)).toContain(outputOf(session, task));
            if (!trace.syncedBefore(outputOf(session, task), at)) early.push({ result: task });
          }
      }
      expect(early).toEqual([]);
      expect([acknowledged.size, ended.size]).toEqual([tasks, tasks]);
    },
  );
});
