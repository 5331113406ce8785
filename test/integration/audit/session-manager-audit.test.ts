import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "@jest/globals";
import { auditFile } from "../../../src/audit/open-audit-log.ts";
import { FlameClient } from "../../../src/client/index.ts";
import {
  CreateTaskRequest,
  FrontendService,
} from "../../../src/protocol/generated/flame/v1/frontend.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { TaskStreamClient } from "../../support/task-stream-client.ts";
import { waitFor } from "../../support/wait-for.ts";

type Line = Readonly<Record<string, unknown>> & { readonly on?: Record<string, unknown> };

let manager: ManagerUnderTest;
const closing: { close(): void }[] = [];
afterEach(async () => {
  for (const one of closing.splice(0)) one.close();
  await manager.close();
});

const file = (): string => auditFile(manager.home, "session-manager");
const lines = (): Line[] =>
  existsSync(file())
    ? readFileSync(file(), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Line)
    : [];
const linesOf = (method: string): Line[] =>
  lines().filter((line) => String(line["method"]).endsWith(`/${method}`));
/** When there are so many lines of a method. */
const until = (method: string, count = 1): Promise<Line[]> =>
  waitFor(`${count} lines of ${method}`, () => {
    const found = linesOf(method);
    return found.length >= count && found;
  });

function connect(options: ConstructorParameters<typeof FlameClient>[0] = {}): FlameClient {
  const client = new FlameClient({ endpoint: manager.endpoint, ...options });
  closing.push(client);
  return client;
}

/** Lets in alice, who may do everything, and bob, who may use what is there. */
async function startWithTokens(): Promise<{ tokenFile: string }> {
  const tokenOf = (name: string): string => `${name}-0123456789abcdef`;
  const line = (name: string, role: string): string =>
    `${name} sha256:${createHash("sha256").update(tokenOf(name)).digest("hex")} roles=${role}\n`;
  manager = await startManager({
    prepare: (home) => {
      const mode = 0o600;
      writeFileSync(join(home, "hashes"), line("alice", "admin") + line("bob", "user"), { mode });
      for (const name of ["alice", "bob", "mallory"])
        writeFileSync(join(home, name), `${tokenOf(name)}\n`, { mode });
    },
    cluster: { security: { clients: "token", nodes: "open", token_file: "hashes" } },
  });
  return { tokenFile: join(manager.home, "alice") };
}

describe("the audit log of the session manager", () => {
  it("has a line for each call that changes something: who, from where, what and how it ended", async () => {
    const client = connect(await startWithTokens());
    await client.registry.apply([
      { manifest: "metadata: { name: audited }\nspec: { command: /bin/x }\n" },
    ]);
    const session = await client.createSession({ application: "audited" }, "audited-1");
    await session.close();
    await client.deleteSession("audited-1");
    const [deleted] = await until("DeleteSession");
    expect(deleted).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      request: expect.stringMatching(/^\S+$/),
      who: "alice",
      by: "token",
      identity: "name alice",
      from: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      listener: "frontend",
      method: "flame.v1.Frontend/DeleteSession",
      on: { session: "audited-1" },
      outcome: "OK",
      seconds: expect.any(Number),
    });
    expect(linesOf("Apply")).toMatchObject([{ on: { applications: ["audited"] }, outcome: "OK" }]);
    expect(linesOf("CreateSession")).toMatchObject([
      { on: { application: "audited", session: "audited-1" } },
    ]);
    expect(linesOf("CloseSession")).toMatchObject([{ on: { session: "audited-1" } }]);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(join(file(), "..")).mode & 0o777).toBe(0o700);
  });

  it("has refused calls, and what the registry refuses in a Result", async () => {
    await startWithTokens();
    const mallory = connect({ tokenFile: join(manager.home, "mallory") });
    for (let number = 0; number < 20; number++)
      await expect(mallory.deleteSession("x")).rejects.toMatchObject({ code: "unauthenticated" });
    const [refused] = await until("DeleteSession", 5);
    expect(refused).toMatchObject({ outcome: "UNAUTHENTICATED", from: expect.any(String) });
    expect(refused).not.toHaveProperty("who");
    const alice = connect({ tokenFile: join(manager.home, "alice") });
    await expect(alice.unregisterApplication("nothing")).rejects.toThrow("not found");
    expect(await until("UnregisterApplication")).toMatchObject([
      {
        who: "alice",
        on: { application: "nothing" },
        outcome: "REFUSED",
        message: expect.stringContaining("not found"),
      },
    ]);
    expect(linesOf("DeleteSession")).toHaveLength(5);
    const bob = connect({ tokenFile: join(manager.home, "bob") });
    const removal = bob.registry.remove("flmrun");
    await expect(removal).rejects.toMatchObject({ code: "permission_denied" });
    expect(await until("Remove")).toMatchObject([
      {
        who: "bob",
        by: "token",
        identity: "name bob",
        outcome: "PERMISSION_DENIED",
        message: expect.stringContaining("needs the role operator"),
      },
    ]);
  });

  it("tells the user of this machine where the kernel says whose a connection is", async () => {
    manager = await startManager();
    await connect().listSessions();
    expect(await until("ListSession")).toMatchObject([{ who: "root", by: "same-user" }]);
  });

  it("counts reads and tasks that come again and again, and tells their number at the end", async () => {
    manager = await startManager();
    const client = connect();
    await client.registry.apply([
      { manifest: "metadata: { name: audited }\nspec: { command: /bin/x }\n" },
    ]);
    const session = await client.createSession({ application: "audited" }, "many");
    await createTasks("many", 50);
    for (let number = 0; number < 10; number++) await client.listSessions();
    await until("ListSession");
    expect(linesOf("CreateTask")).toHaveLength(1);
    await session.close();
    await manager.restart(() => {
      expect(linesOf("CreateTask")).toMatchObject([
        { on: { session: "many" }, from: expect.stringMatching(/:\d+$/) },
        { on: { session: "many" }, from: "127.0.0.1", repeated: 49 },
      ]);
      expect(linesOf("ListSession")).toMatchObject([{ outcome: "OK" }, { repeated: 9 }]);
    });
  });

  it("never has a secret or a payload: no manifest that was refused, no input, no token", async () => {
    const { tokenFile } = await startWithTokens();
    const client = connect({ tokenFile });
    const secret = "98765432101";
    const manifest = `metadata: { name: secret }\nspec: { command: /bin/x, environments: { PASSWORD: ${secret} } }\n`;
    await expect(client.registry.apply([{ manifest }])).rejects.toThrow(secret);
    await client.registry.apply([
      { manifest: `metadata: { name: audited }\nspec: { command: "${secret}" }\n` },
    ]);
    const session = await client.createSession(
      { application: "audited", commonData: Buffer.from(secret) },
      "s",
    );
    await session.close();
    await until("CloseSession");
    expect(linesOf("Apply")).toMatchObject([
      { outcome: "INVALID_ARGUMENT", on: { more: 1 } },
      { outcome: "OK" },
    ]);
    const text = readFileSync(file(), "utf8");
    expect(text).not.toContain(secret);
    expect(text).not.toContain("alice-0123456789abcdef");
  });

  it("has one line when a stream opens and one when it ends, with what it brought", async () => {
    manager = await startManager();
    const client = connect();
    await client.registry.apply([
      { manifest: "metadata: { name: audited }\nspec: { command: /bin/x }\n" },
    ]);
    await client.createSession({ application: "audited" }, "streamed");
    const stream = new TaskStreamClient(manager.endpoint.replace("http://", ""));
    closing.push(stream);
    stream.lane(1, "streamed", "p");
    for (let first = 1; first <= 21; first += 10)
      stream.submit(
        first,
        Array.from({ length: 10 }, () => Buffer.from("x")),
      );
    await waitFor("the tasks", async () => (await client.getSession("streamed")).pending === 30);
    stream.close();
    const [opened, ended] = await until("Tasks", 2);
    expect(opened).toMatchObject({ outcome: "OPENED", on: { sessions: ["streamed"] } });
    expect(ended).toMatchObject({
      outcome: expect.stringMatching(/^(OK|CANCELLED)$/),
      on: { sessions: ["streamed"], tasks: 30 },
      received: expect.any(Number),
    });
    expect(linesOf("Tasks")).toHaveLength(2);
  });

  it("is none when the configuration says so", async () => {
    manager = await startManager({ cluster: { audit: { enabled: false } } });
    await connect().listSessions();
    await manager.restart();
    expect(existsSync(file())).toBe(false);
  });
});

/** As published clients create tasks. */
async function createTasks(sessionId: string, count: number): Promise<void> {
  const raw = new Client(manager.endpoint.replace("http://", ""), credentials.createInsecure());
  closing.push(raw);
  const { path, requestSerialize, responseDeserialize } = FrontendService.createTask;
  const task = { sessionId, input: Buffer.from("input") } as const;
  for (let number = 0; number < count; number++)
    await new Promise<void>((resolve, reject) => {
      raw.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        CreateTaskRequest.fromPartial({ task }),
        (error) => (error === null ? resolve() : reject(error)),
      );
    });
}
