import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FrameReader } from "../../src/protocol/frames.ts";
import { ResultBatch } from "../../src/protocol/generated/flame/stream/v1/service.ts";
import { preparedHome, pythons } from "../support/python.ts";
import { RawClient } from "../support/raw-calls.ts";
import { temporaryFolder } from "../support/temp.ts";
import { waitFor } from "../support/wait-for.ts";
import { encode, extremesOf, messageOf, methodsOf, type Tree } from "../support/wire-extremes.ts";

// What executor managers send to services, each field at its extremes: test/conformance/extremes.test.ts for the rest.

let folder: ReturnType<typeof temporaryFolder>;
let child: ChildProcess | undefined;
let door: Server;
/** What the service has connected to: tasks, results. */
let connections: Socket[];
beforeEach(() => {
  folder = temporaryFolder("instance");
  child = undefined;
  connections = [];
  door = createServer((socket) => connections.push(socket.on("error", () => undefined)));
  door.listen(join(folder.path, "i.task"));
});
afterEach(async () => {
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  for (const socket of connections) socket.destroy();
  door.close();
  folder.remove();
});

const requests: Readonly<Record<string, Tree>> = {
  OnSessionEnter: {
    session_id: "s",
    application: { name: "app", shim: 0 },
    common_data: Buffer.from("none"),
  },
  OnTaskInvoke: { task_id: "1", session_id: "s", input: Buffer.from("{}") },
  OnSessionLeave: {},
};

const batches: Tree = {
  tasks: [{ task_id: "1", session_id: "s", input: Buffer.from("{}") }],
  recall: false,
  enter: requests["OnSessionEnter"] ?? {},
  leave: false,
};

/** Drives the stream of the service that has connected. */
async function driveStream(unread: (label: string) => boolean): Promise<void> {
  const [tasks, results] = connections;
  if (tasks === undefined || results === undefined) throw new Error("it did not connect");
  let heard = 0;
  const frames = new FrameReader();
  results.on("data", (chunk: Buffer) =>
    frames.read(chunk, (message) => {
      const { answers, recalled, done } = ResultBatch.decode(message);
      heard += answers.length + (recalled === undefined ? 0 : 1) + (done === undefined ? 0 : 1);
    }),
  );
  let due = 0;
  const type = messageOf("flame.stream.v1.TaskBatch");
  for (const { label, applyTo } of extremesOf(type)) {
    if (unread(label)) continue;
    const batch = applyTo(batches);
    const message = encode(type, batch);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    tasks.write(Buffer.concat([length, message]));
    due += ((batch["tasks"] as unknown[] | undefined)?.length ?? 0) + (batch["recall"] ? 1 : 0);
    due += (batch["enter"] === undefined ? 0 : 1) + (batch["leave"] ? 1 : 0);
    const answered = () => heard >= due || results.closed;
    await waitFor(`answers after ${label}`, answered, { deadlineMs: 60_000 });
    if (heard !== due) throw new Error(`${label}: ${heard} answers instead of ${due}`);
  }
}

const service = (name: string): readonly string[] => [join(preparedHome, "bin", name)];
const services: readonly (readonly [name: string, command: readonly string[]])[] = [
  ["flmping-service", service("flmping-service")],
  ["flmexec-service", service("flmexec-service")],
  ["flamepy.runpy", [pythons.ours, "-m", "flamepy.runpy"]],
];

function start([program = "", ...args]: readonly string[], endpoints: NodeJS.ProcessEnv) {
  const { PATH, LANG, FLAME_TEST_RUN } = process.env;
  const own = { PATH, LANG, FLAME_TEST_RUN, HOME: folder.path, TMPDIR: folder.path };
  const env = { ...own, FLAME_HOME: preparedHome, ...endpoints };
  const running = spawn(program, args, { env, stdio: "ignore" });
  child = running;
  return running;
}

describe.each(services)("%s", (name, command) => {
  it("answers each extreme of each field with a result, and goes on serving", async () => {
    const socket = join(folder.path, "i.sock");
    const running = start(command, { FLAME_INSTANCE_ENDPOINT: socket });
    const client = new RawClient(`unix:${socket}`);
    const wrong: string[] = [];
    try {
      await waitFor("the service", () => existsSync(socket), { deadlineMs: 30_000 });
      await client.ready(30_000);
      for (const method of methodsOf("flame.v1.Instance")) {
        const request = requests[method.name];
        if (request === undefined) throw new Error(`no request for ${method.name}`);
        for (const { label, applyTo } of extremesOf(method.input)) {
          const { code, details } = await client.send(
            method,
            encode(method.input, applyTo(request)),
          );
          // Python's protobuf refuses what is no UTF-8 before any code of ours sees it.
          const unread = name === "flamepy.runpy" && code === 13 && label.includes("a lone ");
          if (code !== 0 && !unread) wrong.push(`${method.name} ${label}: ${code} ${details}`);
          if (running.exitCode !== null) throw new Error(`it ended after ${label}`);
        }
      }
      expect(running.exitCode).toBeNull();
    } finally {
      client.close();
    }
    expect(wrong).toEqual([]);
  });

  it("does so on its stream", async () => {
    const running = start(command, {
      FLAME_INSTANCE_ENDPOINT: join(folder.path, "i.sock"),
      FLAME_TASKS_ENDPOINT: join(folder.path, "i.task"),
    });
    await waitFor("its connections", () => connections.length === 2, { deadlineMs: 30_000 });
    // An executor manager of ours never sends what Python's protobuf refuses.
    await driveStream((label) => name === "flamepy.runpy" && label.includes("a lone "));
    expect(running.exitCode).toBeNull();
  });
});
