import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { FlameClient } from "../../../src/client/index.ts";
import { ReadLogsRequest } from "../../../src/protocol/generated/flame/admin/v1/admin.ts";
import { LogsService } from "../../../src/protocol/generated/flame/logs/v1/logs.ts";
import { GetOfSessionRequest } from "../../../src/protocol/generated/flame/registry/v1/registry.ts";
import { CancelRequest } from "../../../src/protocol/generated/flame/sessions/v1/sessions.ts";
import { ClientsService } from "../../../src/protocol/generated/flame/stream/v1/clients.ts";
import {
  CloseSessionRequest,
  CreateTaskRequest,
  DeleteSessionRequest,
  GetSessionRequest,
  GetTaskRequest,
  ListTaskRequest,
  OpenSessionRequest,
  WatchTaskRequest,
} from "../../../src/protocol/generated/flame/v1/frontend.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { type Outcome, RawClient } from "../../support/raw-calls.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { methodsOf } from "../../support/wire-extremes.ts";
import { withToken } from "../../support/with-token.ts";
import { clientOf, firstAnswer, lineOf, tokenOf, writeTokens } from "./token-clients.ts";

/** Of the session of alice in which each of these asks something. */
const names = ["alice", "bob", "vera", "walt", "olga", "otto", "root"] as const;
type Name = (typeof names)[number];
const lines: Readonly<Record<Name, string>> = {
  alice: "roles=user",
  bob: "roles=user",
  vera: "roles=viewer",
  walt: "roles=viewer,user",
  // An operator by the configuration, of the label of the application.
  olga: "roles=user",
  // Of another application.
  otto: "roles=user",
  root: "roles=admin",
};
const roles = [
  { role: "operator", names: ["olga"], labels: ["films"] },
  { role: "operator", names: ["otto"], applications: ["other"] },
];

let folder: ReturnType<typeof temporaryFolder>;
let manager: ManagerUnderTest;
let clients: Readonly<Record<Name, FlameClient>>;
const raw = new Map<Name, RawClient>();
const address = (): string => new URL(manager.endpoint).host;

beforeAll(async () => {
  folder = temporaryFolder("owned");
  const token_file = writeTokens(
    folder.path,
    names.map((name) => lineOf(name, lines[name])),
  );
  manager = await startManager({
    cluster: { security: { clients: "token", nodes: "same-user", token_file, roles } },
  });
  clients = Object.fromEntries(
    names.map((name) => [name, clientOf(manager.endpoint, name, folder.path)]),
  ) as typeof clients;
  for (const name of names) raw.set(name, new RawClient(address(), withToken(tokenOf(name))));
  await clients.root.registerApplication("render", { command: "/bin/true", labels: ["films"] });
  await clients.root.registerApplication("stills", { command: "/bin/true", labels: ["films"] });
  await clients.root.registerApplication("other", { command: "/bin/true" });
});
afterAll(async () => {
  for (const one of [...Object.values(clients), ...raw.values()]) one.close();
  await manager.close();
  folder.remove();
});

let made = 0;
/** A session of alice with one task, which has ended so that whoever watches it is told so. */
async function sessionOfAlice(): Promise<string> {
  const { id } = await clients.alice.createSession({ application: "render" }, `of-alice-${++made}`);
  await clients.alice.createTask(id, Buffer.from("secret"));
  await clients.alice.cancelTasks(id);
  return id;
}

interface Row {
  readonly changes: boolean;
  readonly request: (sessionId: string) => Uint8Array;
  /** Before the call. @default nothing */
  readonly closed?: true;
}

const finish = (writer: { finish(): Uint8Array }): Uint8Array => writer.finish();
const rows: Readonly<Record<string, Row>> = {
  "flame.v1.Frontend/GetSession": {
    changes: false,
    request: (sessionId) => finish(GetSessionRequest.encode({ sessionId })),
  },
  "flame.v1.Frontend/GetTask": {
    changes: false,
    request: (sessionId) => finish(GetTaskRequest.encode({ sessionId, taskId: "1" })),
  },
  "flame.v1.Frontend/WatchTask": {
    changes: false,
    request: (sessionId) => finish(WatchTaskRequest.encode({ sessionId, taskId: "1" })),
  },
  "flame.v1.Frontend/ListTask": {
    changes: false,
    request: (sessionId) => finish(ListTaskRequest.encode({ sessionId })),
  },
  "flame.registry.v1.Registry/GetOfSession": {
    changes: false,
    request: (sessionId) => finish(GetOfSessionRequest.encode({ sessionId })),
  },
  "flame.admin.v1.Admin/ReadLogs": {
    changes: false,
    request: (sessionId) =>
      finish(ReadLogsRequest.encode({ sessionId, taskId: undefined, follow: false })),
  },
  "flame.v1.Frontend/OpenSession": {
    changes: true,
    request: (sessionId) => finish(OpenSessionRequest.encode({ sessionId, session: undefined })),
  },
  "flame.v1.Frontend/CreateTask": {
    changes: true,
    request: (sessionId) =>
      finish(
        CreateTaskRequest.encode({
          task: { sessionId, input: undefined, output: undefined, timeout: undefined },
        }),
      ),
  },
  "flame.sessions.v1.Sessions/Cancel": {
    changes: true,
    request: (sessionId) =>
      finish(CancelRequest.encode({ sessionId, taskIds: [], pendingOnly: true, close: false })),
  },
  "flame.v1.Frontend/CloseSession": {
    changes: true,
    request: (sessionId) => finish(CloseSessionRequest.encode({ sessionId })),
  },
  "flame.v1.Frontend/DeleteSession": {
    changes: true,
    closed: true,
    request: (sessionId) => finish(DeleteSessionRequest.encode({ sessionId })),
  },
};

async function ask(name: Name, call: string, sessionId: string): Promise<Outcome> {
  const [service = "", method] = call.split("/");
  const found = methodsOf(service).find((one) => one.name === method);
  const { request } = rows[call] ?? {};
  if (found === undefined || request === undefined) throw new Error(`no call ${call}`);
  const client = raw.get(name);
  if (client === undefined) throw new Error(`no client of ${name}`);
  return await client.send(found, Buffer.from(request(sessionId)));
}

const own = { look: status.OK, change: status.OK };
const unseen = { look: status.NOT_FOUND, change: status.NOT_FOUND };
const onlySeen = { look: status.OK, change: status.PERMISSION_DENIED };

describe("a session of somebody else", () => {
  it.each<[Name, { readonly look: status; readonly change: status }]>([
    ["alice", own],
    ["bob", unseen],
    ["otto", unseen],
    ["vera", onlySeen],
    ["walt", onlySeen],
    ["olga", own],
    ["root", own],
  ])("is for %s: %j", async (name, expected) => {
    const got: Record<string, number> = {};
    for (const [call, { closed }] of Object.entries(rows)) {
      const id = await sessionOfAlice();
      if (closed === true) await clients.alice.closeSession(id);
      got[call] = (await ask(name, call, id)).code;
    }
    const wanted = Object.entries(rows).map(([call, { changes }]) => [
      call,
      changes ? expected.change : expected.look,
    ]);
    expect(got).toEqual(Object.fromEntries(wanted));
  });

  it("is told of as one that is not there, word by word", async () => {
    const id = await sessionOfAlice();
    for (const call of Object.keys(rows)) {
      const [hers, nobodys] = [await ask("bob", call, id), await ask("bob", call, "no-such")];
      expect(hers).toEqual({ ...nobodys, details: nobodys.details.replaceAll("no-such", id) });
    }
  });

  it("that may only be looked at is told with its owner and what changing it needs", async () => {
    const id = await sessionOfAlice();
    expect((await ask("walt", "flame.v1.Frontend/CloseSession", id)).details).toBe(
      `session ${id} belongs to alice: to change it needs the role operator for application render, and walt has viewer; user ` +
        "(docs/security.md, 37.4): ask its owner or an operator",
    );
  });

  it("is in no list but of those who may see it", async () => {
    const hers = await sessionOfAlice();
    const { id: his } = await clients.bob.createSession({ application: "render" }, "of-bob");
    const seen = async (name: Name): Promise<string[]> => {
      const ids = (await clients[name].listSessions()).map(({ id }) => id);
      return [hers, his].filter((id) => ids.includes(id));
    };
    expect(await seen("alice")).toEqual([hers]);
    expect(await seen("bob")).toEqual([his]);
    expect(await seen("otto")).toEqual([]);
    for (const name of ["vera", "walt", "olga", "root"] as const)
      expect(await seen(name)).toEqual([hers, his]);
  });

  it("is not opened under its id by a name that may not see it, nor made anew", async () => {
    const id = await sessionOfAlice();
    const spec = { application: "render" };
    const taken = { code: "already_exists" };
    await expect(clients.bob.createSession(spec, id)).rejects.toMatchObject(taken);
    await expect(clients.bob.openSession(id, spec)).rejects.toMatchObject({
      ...taken,
      message: expect.stringContaining(`session ${id} belongs to somebody else; choose another id`),
    });
    expect((await clients.alice.openSession(id, spec)).id).toBe(id);
  });

  it("takes no submits on a stream of others, and gives them nothing to follow", async () => {
    const sessionId = await sessionOfAlice();
    const lane = { lane: 1, sessionId, producer: "p" };
    const submits = [{ lane: 1, first: 1n, follow: true, inputs: [{ data: undefined }] }];
    const tasks = { lanes: [lane], submits, follows: [], credit: undefined } as never;
    const ofTasks = async (name: Name): Promise<unknown> =>
      await firstAnswer(
        address(),
        name,
        ClientsService.tasks,
        tasks,
        ({ ends, acknowledgements }) => ends.length + acknowledgements.length > 0,
      );
    expect(await ofTasks("bob")).toMatchObject({ ends: [{ lane: 1, code: status.NOT_FOUND }] });
    expect(await ofTasks("walt")).toMatchObject({
      ends: [{ lane: 1, code: status.PERMISSION_DENIED }],
    });
    expect(await ofTasks("alice")).toMatchObject({ ends: [], acknowledgements: [{ lane: 1 }] });
    const ofPrints = async (name: Name): Promise<unknown> =>
      await firstAnswer(address(), name, LogsService.follow, { begin: [sessionId], end: [] });
    expect(await ofPrints("bob")).toMatchObject({ ends: [{ code: status.NOT_FOUND }], begun: [] });
    for (const name of ["alice", "vera"] as const)
      expect(await ofPrints(name)).toMatchObject({ ends: [], begun: [sessionId] });
  });

  it("stays whose it is over a restart of the session manager", async () => {
    const id = await sessionOfAlice();
    await manager.restart();
    expect((await clients.alice.getSession(id)).id).toBe(id);
    await expect(clients.bob.getSession(id)).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("an application", () => {
  it("is changed by whose role operator is for it, by name or label", async () => {
    const spec = { command: "/bin/false", labels: ["films"] };
    const denied = { code: "permission_denied", message: expect.stringContaining("37.5") };
    await expect(clients.otto.updateApplication("stills", spec)).rejects.toMatchObject(denied);
    await clients.olga.updateApplication("stills", spec);
    await expect(clients.olga.updateApplication("other", spec)).rejects.toMatchObject(denied);
    await clients.otto.updateApplication("other", { command: "/bin/false" });
    // A new one counts by the labels that it would have.
    await clients.olga.registerApplication("cut", spec);
    await expect(clients.olga.registerApplication("mix", { command: "x" })).rejects.toMatchObject(
      denied,
    );
    await expect(clients.otto.unregisterApplication("cut")).rejects.toMatchObject(denied);
    await clients.olga.unregisterApplication("cut");
  });

  it("gives whoever operates it no say over nodes", async () => {
    await expect(clients.olga.releaseNode("n1")).rejects.toMatchObject({
      code: "permission_denied",
      message: expect.stringContaining(
        "ReleaseNode needs the role operator for all applications, and olga has user; operator for the labels films",
      ),
    });
    await expect(clients.root.releaseNode("n1")).rejects.toMatchObject({ code: "not_found" });
  });

  it("takes sessions of those whose role user is for it", async () => {
    const bound = [{ role: "user", names: ["vera"], applications: ["other"] }, ...roles];
    const token_file = writeTokens(folder.path, [lineOf("vera", "")], "of-one-application");
    const second = await startManager({
      cluster: { security: { clients: "token", nodes: "same-user", token_file, roles: bound } },
    });
    using vera = clientOf(second.endpoint, "vera", folder.path);
    try {
      await expect(vera.createSession({ application: "flmping" })).rejects.toMatchObject({
        code: "permission_denied",
        message: expect.stringContaining(
          "to create a session of application flmping needs the role user for application flmping, and vera has user for the applications other",
        ),
      });
      await expect(vera.createSession({ application: "other" })).rejects.toMatchObject({
        code: "not_found",
      });
    } finally {
      await second.close();
    }
  });
});
