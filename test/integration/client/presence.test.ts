import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";

let manager: ManagerUnderTest;
let present: FlameClient;

beforeAll(async () => {
  manager = await startManager({ cluster: { limits: { absent_client_timeout: "2s" } } });
  present = new FlameClient({ endpoint: manager.endpoint });
});
afterAll(async () => {
  present.close();
  await manager.close();
});

const isClosed = async (id: string): Promise<boolean> =>
  (await present.getSession(id)).state === "Closed";

/** Opens sessions with a client that goes away without closing them. */
async function vanish(work: (client: FlameClient) => Promise<string>): Promise<string> {
  const client = new FlameClient({ endpoint: manager.endpoint });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

const spec = { application: "flmping" };

describe("a session without an id of the user's choice", () => {
  it("is closed when its client is gone, and stays open as long as the client is there", async () => {
    const { id: stays } = await present.createSession(spec);
    const left = await vanish(async (client) => (await client.createSession(spec)).id);
    await waitFor("the session of the client that left is closed", () => isClosed(left));
    expect((await present.getSession(left)).events).toEqual([
      expect.objectContaining({
        code: 1010,
        message: expect.stringContaining("was not heard of for 2 s"),
      }),
    ]);
    expect(await isClosed(stays)).toBe(false);
  });

  it("ends with the last client that opened it", async () => {
    const shared = await vanish(async (client) => {
      const { id } = await client.createSession(spec);
      await present.openSession(id);
      return id;
    });
    const left = await vanish(async (client) => (await client.createSession(spec)).id);
    await waitFor("another session is closed", () => isClosed(left));
    expect(await isClosed(shared)).toBe(false);
  });
});

it("a session with an id of the user's choice, or that is to be kept, stays", async () => {
  const chosen = await vanish(async (client) => (await client.createSession(spec, "my-own")).id);
  const kept = await vanish(
    async (client) => (await client.createSession(spec, undefined, { keep: true })).id,
  );
  const opened = await vanish(
    async (client) => (await client.openSession("get-or-create", spec)).id,
  );
  const made = await manager.flmctl("create", "session", "flmping");
  const left = await vanish(async (client) => (await client.createSession(spec)).id);
  await waitFor("another session is closed", () => isClosed(left));
  const flmctls = /<(.*)>/.exec(made.out)?.[1] ?? "";
  for (const id of [chosen, kept, opened, flmctls]) expect(await isClosed(id)).toBe(false);
});

it("a beat that names no client is refused, and says what it needs", async () => {
  const { Client, credentials } = await import("@grpc/grpc-js");
  const { PresenceService } = await import(
    "../../../src/protocol/generated/flame/client/v1/client.ts"
  );
  const channel = new Client(new URL(manager.endpoint).host, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = PresenceService.beat;
  const refusal = await new Promise((resolve) => {
    channel.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, resolve);
  });
  channel.close();
  expect(refusal).toMatchObject({
    code: 3,
    details: expect.stringContaining("expected metadata flame-client"),
  });
});
