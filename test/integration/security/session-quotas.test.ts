import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { FlameClient, type PutOffCall } from "../../../src/client/index.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";
import { clientOf, lineOf, writeTokens } from "./token-clients.ts";

const quotas = [
  { names: ["alice"], max_open_sessions: 2, max_open_tasks: 3, max_open_bytes: "1K" },
];
const application = "render";

let folder: ReturnType<typeof temporaryFolder>;
let manager: ManagerUnderTest;
let alice: FlameClient;
let bob: FlameClient;
/** What alice was refused with and told to come again for. */
let putOff: PutOffCall[] = [];

beforeAll(async () => {
  folder = temporaryFolder("quotas");
  const token_file = writeTokens(folder.path, [
    lineOf("alice", "roles=operator"),
    lineOf("bob", "roles=user"),
  ]);
  manager = await startManager({
    cluster: { security: { clients: "token", nodes: "same-user", token_file, quotas } },
  });
  clientOf(manager.endpoint, "alice", folder.path).close();
  alice = new FlameClient({
    endpoint: manager.endpoint,
    tokenFile: join(folder.path, "alice.token"),
    onPutOff: (one) => putOff.push(one),
  });
  bob = clientOf(manager.endpoint, "bob", folder.path);
  await alice.registerApplication(application, { command: "/bin/true" });
});
afterAll(async () => {
  for (const one of [alice, bob]) one.close();
  await manager.close();
  folder.remove();
});

async function open(client: FlameClient, id: string): Promise<void> {
  await client.createSession({ application }, id);
}

/** A call of alice that is put off, and then carried out once there is room. @returns what it was put off with */
async function putOffUntil(
  call: () => Promise<unknown>,
  room: () => Promise<unknown>,
): Promise<string> {
  putOff = [];
  const done = call();
  await waitFor("a refusal that says when to come again", () => putOff.length > 0);
  await room();
  await done;
  return putOff[0]?.refusal.message ?? "";
}

describe("cluster.security.quotas", () => {
  it("refuses alice what is beyond her quota, and bob nothing", async () => {
    await open(alice, "a1");
    await open(alice, "a2");
    for (const id of ["b1", "b2", "b3"]) await open(bob, id);
    expect(
      await putOffUntil(
        () => open(alice, "a3"),
        () => alice.closeSession("a1"),
      ),
    ).toContain(
      "alice has 2 open sessions; the quota is 2 (cluster.security.quotas[0].max_open_sessions)",
    );

    for (let at = 0; at < 3; at++) await alice.createTask("a2");
    await manager.restart();
    expect(
      await putOffUntil(
        () => alice.createTask("a3"),
        () => alice.cancelTasks("a2"),
      ),
    ).toContain("has 3 open tasks; the quota is 3 (cluster.security.quotas[0].max_open_tasks)");
    await expect(alice.createTask("a3", Buffer.alloc(2_000))).rejects.toMatchObject({
      code: "resource_exhausted",
      message: expect.stringContaining(
        "the quota is 1024 (cluster.security.quotas[0].max_open_bytes)",
      ),
    });
    for (let at = 0; at < 5; at++) await bob.createTask("b1", Buffer.alloc(2_000));
  });
});
