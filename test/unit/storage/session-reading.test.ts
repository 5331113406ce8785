import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import type { SessionRecord } from "../../../src/model/session.ts";
import { SqliteStore } from "../../../src/storage/sqlite-store.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { application, session, spec } from "./records.ts";

const folder = temporaryFolder("session-reading");
let store: SqliteStore;

beforeEach(() => {
  store = new SqliteStore({
    file: join(folder.path, "flame.db"),
    migrationsFolder: join(import.meta.dirname, "../../../migrations/sqlite"),
    fillDefaults: () => spec,
    now: 1,
  });
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

it("each of many sessions is read with its own values, and what is equal in them is one thing in memory", async () => {
  const small = { cpu: 1, memory: 1024, gpu: 0 };
  const large = { cpu: 1, memory: 2048, gpu: 0 };
  const written: SessionRecord[] = [
    session({ id: "a", resreq: small, creationTime: 1, completionTime: 5, state: "Closed" }),
    session({ id: "b", resreq: small, creationTime: 2, maxInstances: 0, clients: ["c1", "c2"] }),
    session({ id: "c", resreq: large, creationTime: 3, commonDataBytes: 0, owner: "somebody" }),
    session({
      id: "d",
      resreq: large,
      creationTime: 4,
      priority: 7,
      events: [{ code: 1, message: "one", creationTime: 4 }],
    }),
    session({ id: "e", resreq: small, creationTime: 5, minInstances: 2 }),
    session({ id: "f", resreq: small, creationTime: 6, packages: ["numpy>=2", "six"] }),
    session({ id: "g", resreq: small, creationTime: 7, ownerId: "name alice" }),
  ];
  await store.commit([
    { kind: "application.put", record: application(1) },
    ...written.map((record) => ({ kind: "session.put", record }) as const),
    { kind: "sessions.objectsDeleted", ids: ["a"] },
  ]);
  const { sessions } = await store.load();
  const read = sessions.map(({ record }) => record);
  expect(read).toEqual([{ ...written[0], objectsDeleted: true }, ...written.slice(1)]);
  const [a, b, c, d] = read;
  expect(a?.resreq).toBe(b?.resreq);
  expect(c?.resreq).toBe(d?.resreq);
  expect(a?.events).toBe(b?.events);
});
