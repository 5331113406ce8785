import { afterEach, describe, expect, it } from "@jest/globals";
import { FlameClient, type FlameClientOptions } from "../../../src/client/index.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { waitFor } from "../../support/wait-for.ts";
import { type Behaviour, ScriptedFrontend, wireSession, wireTask } from "./frontend.ts";

const open: { close?: () => void; stop?: () => void }[] = [];

afterEach(() => {
  for (const each of open.splice(0)) {
    each.close?.();
    each.stop?.();
  }
});

async function serve(behaviour: Behaviour): Promise<ScriptedFrontend> {
  const frontend = await new ScriptedFrontend(behaviour).start();
  open.push(frontend);
  return frontend;
}

function connect(endpoint: string, options: FlameClientOptions = {}): FlameClient {
  const client = new FlameClient({ endpoint, reconnectTimeoutMs: 20_000, ...options });
  open.push(client);
  return client;
}

describe("FlameClient against a server that is not there", () => {
  it("fails at once with the endpoint in the text when it never reached it", async () => {
    const client = connect("http://127.0.0.1:1");
    await expect(client.listApplications()).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringContaining("failed to connect to http://127.0.0.1:1"),
    });
  });

  it("waits for a server that is restarting with calls that have not left yet", async () => {
    const frontend = await serve({ unary: { getSession: () => wireSession() } });
    const client = connect(frontend.endpoint);
    await client.getSession("s");
    frontend.stop();
    const waiting = client.getSession("s");
    await frontend.start();
    await expect(waiting).resolves.toMatchObject({ id: "s", state: "Open" });
  });

  it("does not wait longer than a call may take", async () => {
    const frontend = await serve({ unary: { getSession: () => wireSession() } });
    const client = connect(frontend.endpoint, { callTimeoutMs: 300 });
    await client.getSession("s");
    frontend.stop();
    await expect(client.getSession("s")).rejects.toMatchObject({ code: "deadline_exceeded" });
  });
});

describe("FlameClient and replies", () => {
  it("takes replies above 4 MiB and tells the server so", async () => {
    let receiveMax: string | undefined;
    const frontend = await serve({
      unary: {
        getTask: (_, metadata) => {
          receiveMax = metadata.get("flame-receive-max");
          return wireTask("1", "Succeed", "x".repeat(8 * 1024 * 1024));
        },
      },
    });
    const task = await connect(frontend.endpoint).getTask("s", "1");
    expect(task.output).toHaveLength(8 * 1024 * 1024);
    expect(Number(receiveMax)).toBeGreaterThanOrEqual(128 * 1024 * 1024);
  });

  it("turns a Result below zero into an error with its text", async () => {
    const frontend = await serve({
      unary: { registerApplication: () => ({ returnCode: -1, message: "x already exists" }) },
    });
    await expect(connect(frontend.endpoint).registerApplication("x", {})).rejects.toMatchObject({
      code: "already_exists",
      message: "x already exists",
    });
  });

  it("passes statuses on as codes", async () => {
    const client = connect((await serve({})).endpoint);
    await expect(client.listNodes()).rejects.toMatchObject({ code: "unimplemented" });
  });
});

describe("FlameClient and a server that is too busy", () => {
  const busy = new FlameError("resource_exhausted", "too many", { retryAfterMs: 20 });

  it("repeats a call when the server says that it may, under one request id", async () => {
    const asked: (string | undefined)[] = [];
    const createTask = (_: never, metadata: Map<string, string>): unknown => {
      asked.push(metadata.get("flame-request-id"));
      return asked.length < 4 ? busy : wireTask("1", "Pending");
    };
    const frontend = await serve({ unary: { createTask } });
    const task = await connect(frontend.endpoint).createTask("s");
    expect(task).toMatchObject({ id: "1" });
    expect(asked).toHaveLength(4);
    expect(new Set(asked).size).toBe(1);
  });

  it("gives up with the server's words when there is no time for another pause", async () => {
    let asked = 0;
    const createTask = (): unknown => {
      asked++;
      return new FlameError("resource_exhausted", "too many", { retryAfterMs: 400 * asked });
    };
    const frontend = await serve({ unary: { createTask } });
    const client = connect(frontend.endpoint, { callTimeoutMs: 1_500 });
    await expect(client.createTask("s")).rejects.toMatchObject({
      code: "resource_exhausted",
      message: "too many",
      retryAfterMs: 800,
    });
    expect(asked).toBe(2);
  });

  it("does not repeat what is refused without a delay", async () => {
    let asked = 0;
    const createTask = (): unknown => {
      asked++;
      return new FlameError("resource_exhausted", "the input is too large");
    };
    const frontend = await serve({ unary: { createTask } });
    await expect(connect(frontend.endpoint).createTask("s")).rejects.toThrow("too large");
    expect(asked).toBe(1);
  });
});

describe("Session.run", () => {
  it("waits for the final state of the task it created", async () => {
    const frontend = await serve({
      unary: { openSession: wireSession, createTask: () => wireTask("7", "Pending") },
      watch: (call) => {
        call.write(wireTask("7", "Running"));
        call.write(wireTask("7", "Succeed", "out"));
        call.end();
      },
    });
    const session = await connect(frontend.endpoint).openSession("s");
    const task = await session.run(Buffer.from("in"));
    expect(task).toMatchObject({ id: "7", state: "Succeed", output: Buffer.from("out") });
  });

  it("names the task that a session manager which knows no deadlines has made without one", async () => {
    const frontend = await serve({
      unary: { openSession: wireSession, createTask: () => wireTask("7", "Pending") },
    });
    const session = await connect(frontend.endpoint).openSession("s");
    await expect(session.run(undefined, { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: "unimplemented",
      message: expect.stringMatching(/^task 7 of session \S+ was created without a deadline/),
    });
  });

  it("leaves the end of a finished watch to the server", async () => {
    let cutOff = 0;
    let ended = 0;
    const frontend = await serve({
      unary: { openSession: wireSession, createTask: () => wireTask("1", "Pending") },
      watch: (call) => {
        let byServer = false;
        // The library says so of every stream that closes; before our own end it is the client's doing.
        call.on("cancelled", () => {
          if (!byServer) cutOff++;
        });
        call.write(wireTask("1", "Succeed"));
        setTimeout(() => {
          byServer = true;
          call.end();
          ended++;
        }, 20);
      },
    });
    const session = await connect(frontend.endpoint).openSession("s");
    await Promise.all(Array.from({ length: 20 }, () => session.run()));
    await waitFor("the ends", () => ended === 20);
    expect(cutOff).toBe(0);
  });

  it("opens its watch again when the server is killed and comes back", async () => {
    let watches = 0;
    const frontend = await serve({
      unary: { openSession: wireSession, createTask: () => wireTask("1", "Pending") },
      watch: (call) => {
        watches++;
        if (watches === 1) return void call.write(wireTask("1", "Running"));
        call.write(wireTask("1", "Succeed"));
        call.end();
      },
    });
    const session = await connect(frontend.endpoint).openSession("s");
    const running = session.run();
    await waitFor("the first watch", () => watches === 1);
    frontend.stop();
    await frontend.start();
    await expect(running).resolves.toMatchObject({ state: "Succeed" });
    expect(watches).toBe(2);
  });

  it("does not hang when a watch ends early without an error", async () => {
    const frontend = await serve({
      unary: {
        openSession: wireSession,
        createTask: () => wireTask("1", "Pending"),
        getTask: () => wireTask("1", "Failed"),
      },
      watch: (call) => call.end(),
    });
    const session = await connect(frontend.endpoint).openSession("s");
    await expect(session.run()).resolves.toMatchObject({ state: "Failed" });
  });

  it("sends CreateTask once, and says that it was not acknowledged when the reply is lost", async () => {
    let created = 0;
    const frontend: ScriptedFrontend = await serve({
      unary: {
        openSession: wireSession,
        createTask: () => {
          created++;
          frontend.stop();
          return new Promise(() => undefined);
        },
      },
    });
    const session = await connect(frontend.endpoint).openSession("s");
    const lost = session.run();
    await expect(lost).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("a task of session s was not acknowledged"),
    });
    await frontend.start();
    expect(created).toBe(1);
  });

  it("gives up on a server that stays away", async () => {
    const frontend = await serve({
      unary: { openSession: wireSession },
      watch: () => frontend.stop(),
    });
    const client = connect(frontend.endpoint, { reconnectTimeoutMs: 200 });
    const session = await client.openSession("s");
    await expect(session.finished("1")).rejects.toMatchObject({ code: "unavailable" });
  });

  it("lets go of a watch when its reader stops reading", async () => {
    let cancelled = false;
    const frontend = await serve({
      watch: (call) => {
        call.on("cancelled", () => {
          cancelled = true;
        });
        call.write(wireTask("1", "Running"));
      },
    });
    for await (const task of connect(frontend.endpoint).watchTask("s", "1")) {
      expect(task.state).toBe("Running");
      break;
    }
    await waitFor("the cancellation", () => cancelled);
    expect(cancelled).toBe(true);
  });
});
