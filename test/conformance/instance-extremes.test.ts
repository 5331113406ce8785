import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { preparedHome, pythons } from "../support/python.ts";
import { RawClient } from "../support/raw-calls.ts";
import { temporaryFolder } from "../support/temp.ts";
import { waitFor } from "../support/wait-for.ts";
import { encode, extremesOf, methodsOf, type Tree } from "../support/wire-extremes.ts";

// What executor managers send to services, each field at its extremes: test/conformance/extremes.test.ts for the rest.

let folder: ReturnType<typeof temporaryFolder>;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = temporaryFolder("instance");
});
afterEach(async () => {
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  folder.remove();
});

const requests: Readonly<Record<string, Tree>> = {
  OnSessionEnter: {
    session_id: "s",
    application: { name: "app", shim: 0 },
    common_data: Buffer.from("none"),
  },
  OnTaskInvoke: { task_id: "1", session_id: "s", input: Buffer.from("{}") },
  Tasks: { tasks: [{ task_id: "1", session_id: "s", input: Buffer.from("{}") }], recall: false },
  OnSessionLeave: {},
};

const service = (name: string): readonly string[] => [join(preparedHome, "bin", name)];
const services: readonly (readonly [name: string, command: readonly string[]])[] = [
  ["flmping-service", service("flmping-service")],
  ["flmexec-service", service("flmexec-service")],
  ["flamepy.runpy", [pythons.ours, "-m", "flamepy.runpy"]],
];

describe.each(services)("%s", (name, [program = "", ...args]) => {
  it("answers each extreme of each field with a result, and goes on serving", async () => {
    const socket = join(folder.path, "i.sock");
    const { PATH, LANG, FLAME_TEST_RUN } = process.env;
    const own = { PATH, LANG, FLAME_TEST_RUN, HOME: folder.path, TMPDIR: folder.path };
    const env = { ...own, FLAME_HOME: preparedHome, FLAME_INSTANCE_ENDPOINT: socket };
    const running = spawn(program, args, { env, stdio: "ignore" });
    child = running;
    const client = new RawClient(`unix:${socket}`);
    const wrong: string[] = [];
    try {
      await waitFor("the service", () => existsSync(socket), { deadlineMs: 30_000 });
      const methods = ["flame.v1.Instance", "flame.stream.v1.Service"].flatMap(methodsOf);
      for (const method of methods) {
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
    } finally {
      client.close();
    }
    expect(wrong).toEqual([]);
  });
});
